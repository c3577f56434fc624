-- A ledger as old systems keep it: no foreign key, hardly a key, names of its own language, words that SQL has
-- for itself, a schema of its own.
create schema vertrieb;
set search_path = vertrieb;

create table "Mandant" ("MandantNr" int primary key, "Bezeichnung" varchar(80) not null);
create table "Filiale" ("FilialeNr" int primary key, "Mandant_Nr" smallint not null, "Straße" text not null);
create table "Kunden" ("KundeNr" int not null, "filiale nr" int not null, "Vorname" text, "Nachname" text);
create table "order" (
  "Nr" int not null, "user" text, "KundeNr" int not null, "Betrag €" numeric(12, 2), "Betrag" numeric(12, 2),
  "date" date not null, "erfasst am" timestamptz not null);
create table "Notizen" ("Nr" int primary key, "Text" text, "KundeNr" int, am date);
create view "Umsätze" as select "KundeNr", "Betrag", "date" from "order";

insert into "Mandant" values (1, 'Nord'), (2, 'Süd & Söhne');
insert into "Filiale" values (10, 1, 'Große Straße 1'), (11, 1, 'Am Wall 2'), (20, 2, 'Markt 3');
insert into "Kunden" values (100, 10, 'A', 'B'), (110, 11, 'C', 'D'), (200, 20, 'E', 'F');
insert into "order" values
  (1, 'x', 100, 1, 100.10, '2026-08-01', now()), (2, 'x', 100, 1, 200.20, '2026-10-31', now()),
  (3, 'x', 200, 1, 7.00, '2026-09-15', now()), (4, 'x', 200, 1, 999.00, '2026-07-31', now()),
  (5, 'x', 200, 1, 999.00, '2026-11-01', now());
analyze;
