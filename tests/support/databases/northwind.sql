-- The tables, columns and keys of Northwind, a trader, with rows of our own. Prices and discounts are real.
create table categories (category_id smallint primary key, category_name varchar(15) not null, description text, picture bytea);
create table customer_demographics (customer_type_id varchar(5) primary key, customer_desc text);
create table customers (
  customer_id varchar(5) primary key, company_name varchar(40) not null, contact_name varchar(30), contact_title varchar(30),
  address varchar(60), city varchar(15), region varchar(15), postal_code varchar(10), country varchar(15),
  phone varchar(24), fax varchar(24));
create table customer_customer_demo (
  customer_id varchar(5) references customers, customer_type_id varchar(5) references customer_demographics,
  primary key (customer_id, customer_type_id));
create table employees (
  employee_id smallint primary key, last_name varchar(20) not null, first_name varchar(10) not null, title varchar(30),
  title_of_courtesy varchar(25), birth_date date, hire_date date, address varchar(60), city varchar(15), region varchar(15),
  postal_code varchar(10), country varchar(15), home_phone varchar(24), extension varchar(4), photo bytea, notes text,
  reports_to smallint references employees, photo_path varchar(255));
create table suppliers (
  supplier_id smallint primary key, company_name varchar(40) not null, contact_name varchar(30), contact_title varchar(30),
  address varchar(60), city varchar(15), region varchar(15), postal_code varchar(10), country varchar(15),
  phone varchar(24), fax varchar(24), homepage text);
create table products (
  product_id smallint primary key, product_name varchar(40) not null, supplier_id smallint references suppliers,
  category_id smallint references categories, quantity_per_unit varchar(20), unit_price real, units_in_stock smallint,
  units_on_order smallint, reorder_level smallint, discontinued int not null);
create table region (region_id smallint primary key, region_description varchar(60) not null);
create table shippers (shipper_id smallint primary key, company_name varchar(40) not null, phone varchar(24));
create table orders (
  order_id smallint primary key, customer_id varchar(5) references customers, employee_id smallint references employees,
  order_date date, required_date date, shipped_date date, ship_via smallint references shippers, freight real,
  ship_name varchar(40), ship_address varchar(60), ship_city varchar(15), ship_region varchar(15),
  ship_postal_code varchar(10), ship_country varchar(15));
create table territories (
  territory_id varchar(20) primary key, territory_description varchar(60) not null,
  region_id smallint not null references region);
create table employee_territories (
  employee_id smallint references employees, territory_id varchar(20) references territories,
  primary key (employee_id, territory_id));
create table order_details (
  order_id smallint references orders, product_id smallint references products, unit_price real not null,
  quantity smallint not null, discount real not null, primary key (order_id, product_id));
create table us_states (state_id smallint primary key, state_name varchar(100), state_abbr varchar(2), state_region varchar(50));

insert into categories values (1, 'Drinks'), (2, 'Sweets'), (3, 'Fish');
insert into customers (customer_id, company_name, contact_name, country)
  select 'C' || n, 'Company ' || n, 'Person ' || n, 'Country ' || n % 2 from generate_series(1, 6) n;
insert into employees (employee_id, last_name, first_name, title, birth_date, hire_date, reports_to)
  select n, 'Last' || n, 'First' || n, 'Sales', '1980-01-01', '2020-01-01', case when n > 1 then 1 end from generate_series(1, 4) n;
insert into suppliers (supplier_id, company_name) select n, 'Supplier ' || n from generate_series(1, 3) n;
insert into products (product_id, product_name, supplier_id, category_id, unit_price, units_in_stock, discontinued)
  select n, 'Product ' || n, 1 + n % 3, 1 + n % 3, 2.5 * n, n, 0 from generate_series(1, 9) n;
insert into region values (1, 'East'), (2, 'West');
insert into shippers (shipper_id, company_name) values (1, 'Fast'), (2, 'Slow');
insert into territories values ('01', 'Harbour', 1), ('02', 'Hill', 2);
insert into employee_territories values (1, '01'), (1, '02'), (2, '02');
insert into orders (order_id, customer_id, employee_id, order_date, required_date, shipped_date, ship_via, freight)
  select n, 'C' || 1 + n % 6, 1 + n % 4, date '2026-07-01' + n * 3, date '2026-07-20' + n * 3,
         case when n % 5 > 0 then date '2026-07-04' + n * 3 end, 1 + n % 2, 1.25 * n
  from generate_series(1, 42) n;
insert into order_details
  select 1 + n % 42, 1 + (n / 42 + n) % 9, 2.45 + n % 4, 1 + n % 7, (array[0, 0.05, 0.15])[1 + n % 3]
  from generate_series(1, 120) n on conflict do nothing;
analyze;
