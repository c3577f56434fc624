-- The tables, columns and keys of Sakila as ported to PostgreSQL, with rows of our own: payment has inheritance children.
create table actor (actor_id int primary key, first_name text not null, last_name text not null, last_update timestamp not null default now());
create table category (category_id int primary key, name text not null, last_update timestamp not null default now());
create table language (language_id int primary key, name char(20) not null, last_update timestamp not null default now());
create table country (country_id int primary key, country text not null, last_update timestamp not null default now());
create table city (
  city_id int primary key, city text not null, country_id int not null references country,
  last_update timestamp not null default now());
create table address (
  address_id int primary key, address text not null, address2 text, district text not null,
  city_id int not null references city, postal_code text, phone text not null, last_update timestamp not null default now());
create table film (
  film_id int primary key, title text not null, description text, release_year int, language_id int not null references language,
  original_language_id int references language, rental_duration smallint not null default 3,
  rental_rate numeric(4,2) not null default 4.99, length smallint, replacement_cost numeric(5,2) not null default 19.99,
  rating text default 'G', last_update timestamp not null default now(), special_features text[], fulltext tsvector);
create table film_actor (
  actor_id int references actor, film_id int references film, last_update timestamp not null default now(),
  primary key (actor_id, film_id));
create table film_category (
  film_id int references film, category_id int references category, last_update timestamp not null default now(),
  primary key (film_id, category_id));
create table staff (
  staff_id int primary key, first_name text not null, last_name text not null, address_id int not null references address,
  email text, store_id int not null, active boolean not null default true, username text not null, password text,
  last_update timestamp not null default now(), picture bytea);
create table store (
  store_id int primary key, manager_staff_id int not null references staff, address_id int not null references address,
  last_update timestamp not null default now());
create table customer (
  customer_id int primary key, store_id int not null references store, first_name text not null, last_name text not null,
  email text, address_id int not null references address, activebool boolean not null default true,
  create_date date not null default current_date, last_update timestamp default now(), active int);
create table inventory (
  inventory_id int primary key, film_id int not null references film, store_id int not null references store,
  last_update timestamp not null default now());
create table rental (
  rental_id int primary key, rental_date timestamp not null, inventory_id int not null references inventory,
  customer_id int not null references customer, return_date timestamp, staff_id int not null references staff,
  last_update timestamp not null default now(), unique (rental_date, inventory_id, customer_id));
create table payment (
  payment_id int primary key, customer_id int not null references customer, staff_id int not null references staff,
  rental_id int references rental, amount numeric(5,2) not null, payment_date timestamp not null);
create table payment_p2026_07 (check (payment_date < '2026-08-01')) inherits (payment);
create table payment_p2026_10 (check (payment_date >= '2026-10-01')) inherits (payment);
alter table payment_p2026_07 add foreign key (customer_id) references customer;
alter table payment_p2026_10 add foreign key (customer_id) references customer;
create view sales_by_film_category as
  select c.name as category, sum(p.amount) as total_sales from payment p join rental r using (rental_id)
  join inventory i using (inventory_id) join film_category fc using (film_id) join category c using (category_id) group by c.name;

insert into actor select n, 'First' || n, 'Last' || n from generate_series(1, 6) n;
insert into category select n, (array['Action', 'Comedy', 'Family'])[n] from generate_series(1, 3) n;
insert into language values (1, 'English'), (2, 'Italian');
insert into country select n, (array['Norway', 'Chile'])[n] from generate_series(1, 2) n;
insert into city select n, 'Town ' || (n + 1) / 2, 1 + n % 2 from generate_series(1, 4) n;  -- two countries have a Town 1
insert into address select n, 'Road ' || n, null, 'North', 1 + n % 4, null, '0' || n from generate_series(1, 12) n;
insert into film (film_id, title, language_id) select n, 'Film ' || n, 1 + n % 2 from generate_series(1, 8) n;
insert into film_actor select 1 + (n + n / 6) % 6, 1 + n % 8 from generate_series(1, 20) n on conflict do nothing;
insert into film_category select film_id, 1 + film_id % 3 from film;
insert into staff (staff_id, first_name, last_name, address_id, store_id, username) values
  (1, 'Ann', 'One', 1, 1, 'ann'), (2, 'Bo', 'Two', 2, 2, 'bo');
insert into store values (1, 1, 3), (2, 2, 4);
alter table staff add foreign key (store_id) references store;
insert into customer (customer_id, store_id, first_name, last_name, email, address_id, active)
  select n, 1 + n % 2, 'First' || n, 'Last' || n, n || '@example.com', n, 1 from generate_series(1, 12) n;
insert into inventory select n, 1 + n % 8, 1 + n / 3 % 2 from generate_series(1, 24) n;
insert into rental
  select n, timestamp '2026-07-28 09:00' + n * interval '23 hours', 1 + n % 24, 1 + n % 12, null, 1 + n % 2
  from generate_series(1, 100) n;
insert into payment (payment_id, customer_id, staff_id, rental_id, amount, payment_date)
  select rental_id, customer_id, staff_id, rental_id, 0.99 + rental_id % 5, rental_date + interval '5 minutes' from rental;
with moved as (delete from only payment where payment_date >= '2026-10-01' returning *)
  insert into payment_p2026_10 select * from moved;
with moved as (delete from only payment where payment_date < '2026-08-01' returning *)
  insert into payment_p2026_07 select * from moved;
analyze;
