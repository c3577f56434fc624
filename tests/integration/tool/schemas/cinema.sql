-- A rental shop: foreign keys are declared on the partitions only, and order lines have no date of their own.
create table city (city_id int primary key, city text not null);
create table store (store_id int primary key, phone text, store_name text not null, city_id int not null references city);
create table customer (customer_id int primary key, email text, card_number text, first_name text, last_name text,
                       store_id int not null references store);
create table payment (payment_id int not null, customer_id int not null, amount numeric(5,2) not null,
                      payment_date timestamptz not null) partition by range (payment_date);
create table payment_2026_09 partition of payment for values from ('2026-09-01') to ('2026-10-01');
create table payment_2026_10 partition of payment for values from ('2026-10-01') to ('2026-11-01');
alter table payment_2026_09 add foreign key (customer_id) references customer;
alter table payment_2026_10 add foreign key (customer_id) references customer;
create table orders (order_id int primary key, order_date date not null, ship_zip int, customer_id int not null references customer);
create table order_line (order_id int not null references orders, line_number int not null, unit_price numeric(10,2) not null,
                         quantity int not null, primary key (order_id, line_number));
