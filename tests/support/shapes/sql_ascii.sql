-- A database without an encoding: bytes that are no valid UTF-8, in values and in names.
create table bytes (id serial primary key, t text);
insert into bytes (t) values (E'latin \xe9'), (E'utf-8 \xc3\xa9'), (E'\xff\xfe\\\t'), (E'cut off \xc3');
do $$ begin execute format('create table %I (%I text)', E'caf\xe9', E'col\xff'); end $$;
do $$ begin execute format('insert into %I values (%L)', E'caf\xe9', E'\x80\x81'); end $$;
do $$ begin execute format('comment on table %I is %L', E'caf\xe9', E'\xa4'); end $$;
do $$ begin execute format('create type kind as enum (%L)', E'\xe9'); end $$;
create table kinds (k kind);
do $$ begin execute format('insert into kinds values (%L)', E'\xe9'); end $$;
