-- Shops with declared keys throughout: domains of domains, an enum, two ends, circles, a table without its index.
create domain amount as numeric(12, 2);
create domain price as amount check (value >= 0);
create type state as enum ('paid', 'open');

create table regions (id serial primary key, name text not null unique);
create table stores (
  id serial primary key, region_id int not null references regions, manager_id int, store_name text not null,
  opening_hours text);
create table employees (id serial primary key, store_id int references stores, full_name text);
alter table stores add foreign key (manager_id) references employees;
create table categories (id serial primary key, parent_id int references categories, title text not null);
create table products (sku text primary key, category_id int not null references categories, description text);
create table sales (
  id bigserial primary key, store_id int not null references stores, sku text references products,
  sold_at timestamptz not null, paid price, status state);

analyze;
