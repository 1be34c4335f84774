-- Who owns and may do what. The roles belong to the server and are there already.
create schema rights authorization "Röund ""Trip""";
set search_path = rights, public;
create table secrets (id int primary key, owner name default current_user, body text, hidden text);
insert into secrets values (1, 'pgbak', 'visible', 'x'), (2, 'roundtrip_reader', 'also', 'y');
alter table secrets owner to "Röund ""Trip""";
alter table secrets enable row level security;
alter table secrets force row level security;
create policy own_rows on secrets for select to roundtrip_reader using (owner = current_user);
create policy writes on secrets as restrictive for update to public using (true) with check (id > 0);
grant select (id, body), update (body) on secrets to roundtrip_reader;
grant all on schema rights to roundtrip_reader with grant option;
grant insert on secrets to public;
revoke delete on secrets from "Röund ""Trip""";
create sequence given;
grant usage on sequence given to roundtrip_reader;
create function run() returns int language sql as 'select 1';
revoke execute on function run() from public;
grant execute on function run() to roundtrip_reader;
create type held as enum ('a');
revoke usage on type held from public;
alter type held owner to "Röund ""Trip""";
create view shown with (security_invoker) as select id from secrets;
alter view shown owner to roundtrip_reader;
create materialized view kept as select 1 as i;
alter materialized view kept owner to "Röund ""Trip""";
alter default privileges in schema rights grant select on tables to roundtrip_reader;
alter default privileges for role "Röund ""Trip""" revoke execute on functions from public;
alter default privileges grant usage on sequences to roundtrip_reader with grant option;
-- The schema that each database has: its comment, owner and rights are somebody's, too.
comment on schema public is 'our own public schema';
grant create on schema public to roundtrip_reader;

select lo_from_bytea(700001, decode(repeat('00ff5c2e0a', 20000), 'hex'));
select lo_from_bytea(700002, '');
select lo_from_bytea(700003, 'owned');
comment on large object 700001 is 'a picture; it''s 🎂';
alter large object 700003 owner to "Röund ""Trip""";
grant select on large object 700001 to roundtrip_reader;
grant select, update on large object 700003 to public;
create table pictures (id int, picture oid);
insert into pictures values (1, 700001);

create publication everything for all tables with (publish = 'insert');
create publication "some" for table secrets (id, body) where (id > 1);
create publication by_schema for tables in schema rights;
create subscription never connection 'host=127.0.0.1 port=1 password=not-a-secret' publication p
  with (connect = false, slot_name = none);
comment on publication "some" is 'rows of some';
