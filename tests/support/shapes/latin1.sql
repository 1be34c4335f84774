-- A database in LATIN1: names and values with letters beyond ASCII.
set client_encoding = 'UTF8';
create schema "Straße";
create table "Straße"."Größe" ("Länge" text default 'ü', id serial primary key);
insert into "Straße"."Größe" values ('Åsa'), ('ñandú'), (E'£\t¥\\'), ('');
insert into "Straße"."Größe" ("Länge") select chr(i) from generate_series(1, 255) i;
create type "Müll" as enum ('Käse', 'Öl');
create table "t" (m "Müll");
insert into "t" values ('Käse');
comment on table "t" is 'größer';
create function "fü"() returns text language sql as 'select ''Ü''::text';
select lo_from_bytea(4711, '\xe9ff00');
