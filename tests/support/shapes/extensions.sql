-- Extensions that come with PostgreSQL, in a schema of their own, in public, and with rows in use.
create schema ext;
create extension hstore schema ext;
create extension citext schema ext version '1.5';
alter extension citext update;
create extension pg_trgm schema public;
create extension ltree;
create extension btree_gist;
create extension "uuid-ossp" schema ext;
create extension pgcrypto;
create extension cube;
create extension earthdistance;
create extension intarray;
create extension unaccent;
create extension tablefunc;
create extension lo;
create extension amcheck;
create extension pg_stat_statements;
create extension postgres_fdw;
create extension file_fdw;
create schema extended;
set search_path = extended, ext, public;
create table things (
  id uuid primary key default uuid_generate_v4(), h hstore, name citext unique, path ltree, at point, c cube,
  tags int[], during int4range
);
insert into things values
  ('00000000-0000-0000-0000-000000000001', 'a=>1, "b c"=>NULL, "\""=>"\\"', 'Name', 'top.a.b', '(1,2)', '(1,2),(3,4)', '{1,2}', '[1,2)'),
  ('00000000-0000-0000-0000-000000000002', '', 'OTHER', '', null, null, null, null);
create index on things using gist (name gist_trgm_ops);
create index on things using gin (tags gin__int_ops);
create index on things using gist (path);
alter table things add exclude using gist (id with =, during with &&);
create table raster (id int, image lo);
create trigger manage before update or delete on raster for each row execute function lo_manage(image);
insert into raster values (1, lo_from_bytea(700011, '\x89504e47'));
alter extension hstore add table things;
alter extension hstore drop table things;
comment on extension citext is 'case does not matter';

create server elsewhere type 'x' version '1' foreign data wrapper postgres_fdw
  options (host '127.0.0.1', port '1', dbname 'it''s');
create user mapping for public server elsewhere options (user 'u', password 'not a "secret"');
create user mapping for current_user server elsewhere options (user 'me');
create foreign table far_away (id int options (column_name 'ID') not null, t text) server elsewhere
  options (schema_name 'x', table_name 'y');
create server files foreign data wrapper file_fdw;
create foreign table passwd (line text) server files options (filename '/dev/null');
create foreign data wrapper hollow options (debug 'true');
