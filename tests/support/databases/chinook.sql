-- The tables, columns and keys of Chinook, a shop for music, with rows of our own.
create table artist (artist_id int primary key, name varchar(120));
create table album (album_id int primary key, title varchar(160) not null, artist_id int not null references artist);
create table employee (
  employee_id int primary key, last_name varchar(20) not null, first_name varchar(20) not null, title varchar(30),
  reports_to int references employee, birth_date timestamp, hire_date timestamp, address varchar(70), city varchar(40),
  state varchar(40), country varchar(40), postal_code varchar(10), phone varchar(24), fax varchar(24), email varchar(60));
create table customer (
  customer_id int primary key, first_name varchar(40) not null, last_name varchar(20) not null, company varchar(80),
  address varchar(70), city varchar(40), state varchar(40), country varchar(40), postal_code varchar(10),
  phone varchar(24), fax varchar(24), email varchar(60) not null, support_rep_id int references employee);
create table genre (genre_id int primary key, name varchar(120));
create table media_type (media_type_id int primary key, name varchar(120));
create table playlist (playlist_id int primary key, name varchar(120));
create table track (
  track_id int primary key, name varchar(200) not null, album_id int references album,
  media_type_id int not null references media_type, genre_id int references genre, composer varchar(220),
  milliseconds int not null, bytes int, unit_price numeric(10,2) not null);
create table playlist_track (
  playlist_id int references playlist, track_id int references track, primary key (playlist_id, track_id));
create table invoice (
  invoice_id int primary key, customer_id int not null references customer, invoice_date timestamp not null,
  billing_address varchar(70), billing_city varchar(40), billing_state varchar(40), billing_country varchar(40),
  billing_postal_code varchar(10), total numeric(10,2) not null);
create table invoice_line (
  invoice_line_id int primary key, invoice_id int not null references invoice, track_id int not null references track,
  unit_price numeric(10,2) not null, quantity int not null);

insert into artist values (1, 'The Lanterns'), (2, 'Nordlicht'), (3, 'Casa Verde');
insert into album select n, 'Album ' || n, 1 + n % 3 from generate_series(1, 6) n;
insert into employee values
  (1, 'One', 'Ann', 'Manager', null, '1970-01-01', '2020-01-01'), (2, 'Two', 'Bo', 'Agent', 1, '1980-01-01', '2021-01-01'),
  (3, 'Three', 'Cy', 'Agent', 1, '1990-01-01', '2022-01-01');
insert into customer (customer_id, first_name, last_name, country, email, support_rep_id)
  select n, 'First' || n, 'Last' || n, 'Country' || n % 2, n || '@example.com', 2 + n % 2 from generate_series(1, 8) n;
insert into genre values (1, 'Rock'), (2, 'Folk');
insert into media_type values (1, 'Audio'), (2, 'Video');
insert into playlist values (1, 'Music'), (2, 'Music');
insert into track
  select n, 'Track ' || n % 9, 1 + n % 6, 1 + n % 2, 1 + n % 2, null, 1000 * n, n, 0.99 + n % 2 from generate_series(1, 12) n;
insert into playlist_track select 1, track_id from track;
insert into invoice (invoice_id, customer_id, invoice_date, total)
  select n, 1 + n % 8, timestamp '2026-07-03 10:00' + n * interval '5 days 7 hours', n from generate_series(1, 25) n;
insert into invoice_line
  select n, 1 + n % 25, 1 + n % 12, 0.99 + n % 2, 1 + n % 3 from generate_series(1, 90) n;
analyze;
