-- A service with many customers of its own: keys of two columns, partitions, children, several ways to one
-- table, several dates, a second schema with tables of the same names.
create schema app;
create schema archive;
set search_path = app;

create table tenants (id uuid primary key, name text not null unique);
create table regions (
  tenant_id uuid references tenants, code text, title text not null, primary key (tenant_id, code));
create table customers (
  id bigint primary key, tenant_id uuid not null references tenants, region_code text, name text not null,
  foreign key (tenant_id, region_code) references regions);
create table addresses (id bigint primary key, customer_id bigint references customers, city text);
create table invoices (
  id bigint, customer_id bigint not null references customers,
  billing_address_id bigint references addresses, shipping_address_id bigint references addresses,
  issued_on date not null, due_on date, updated_at timestamptz, total numeric(14, 2),
  primary key (id, issued_on)) partition by range (issued_on);
create table invoices_2025 partition of invoices for values from ('2025-01-01') to ('2026-01-01');
create table invoices_2026 partition of invoices for values from ('2026-01-01') to ('2027-01-01');
create table events (
  id bigint primary key, customer_id bigint not null references customers, happened_at timestamptz, weight int);
create table events_mobile (device text) inherits (events);
create table visits (event_id bigint, customer_id bigint references customers, day date, seconds int);
create materialized view totals as select customer_id, issued_on, sum(total) as total from invoices group by 1, 2;
create table archive.invoices (like invoices);

insert into tenants values
  ('00000000-0000-0000-0000-000000000001', 'First'), ('00000000-0000-0000-0000-000000000002', 'Second');
insert into regions values
  ('00000000-0000-0000-0000-000000000001', 'N', 'Harbour'), ('00000000-0000-0000-0000-000000000002', 'N', 'Mountain');
insert into customers values
  (1, '00000000-0000-0000-0000-000000000001', 'N', 'Ann'), (2, '00000000-0000-0000-0000-000000000002', 'N', 'Bo');
insert into visits values (1, 1, '2026-10-01', 30), (2, 1, '2026-10-31', 60), (3, 2, '2026-10-31', 600);
insert into invoices
  select n, 1, null, null, date '2025-06-01' + n, null, null, n from generate_series(1, 400) n;
insert into events select n, 1, '2026-01-01', n from generate_series(1, 10) n;
insert into events_mobile select n, 1, '2026-01-01', n, 'x' from generate_series(11, 30) n;
analyze;
