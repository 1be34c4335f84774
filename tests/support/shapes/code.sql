-- What runs inside of the server: functions in several languages, triggers, operators, and their kin.
create schema code;
set search_path = code, public;
create function add(a int, b int default 2) returns int language sql immutable strict parallel safe
  cost 7 as 'select a + b';
create function add_atomic(a int, b int) returns int language sql begin atomic select add(a, b); select a - b; end;
create function uses_table(variadic ids int[]) returns setof text language plpgsql stable rows 10
  set search_path = code, pg_temp set work_mem = '8MB' security definer as $f$
declare r record;
begin
  for r in select id from later where id = any (ids) loop return next r.id::text; end loop;
end $f$;
create table later (id int primary key, changed int not null default 0, checked boolean);
insert into later values (1), (2);
create function builtin_length(text) returns int language internal strict immutable as 'textlen';
create function many(in a int, out b int, inout c text) language plpgsql as $$ begin b := a; end $$;
create function tabular(n anyelement) returns table (x anyelement, y text) language sql as 'select n, n::text';
create procedure nothing(inout i int) language plpgsql as $$ begin commit; i := i + 1; end $$;
create domain checked_text as text check (builtin_length(value) < 100);
create table checked (t checked_text, check (add(1, 1) = builtin_length('ab')),
  sum int generated always as (add(1, 2)) stored);
insert into checked values ('x');
create index on later (add(id));

create function step(state int, next int) returns int language sql immutable as 'select state * next';
create aggregate product(int) (sfunc = step, stype = int, initcond = '1', parallel = safe);
create aggregate nth(float8 order by anyelement) (sfunc = ordered_set_transition, stype = internal,
  finalfunc = percentile_disc_final, finalfunc_extra);
create aggregate moving(int) (sfunc = int4pl, stype = int, msfunc = int4pl, minvfunc = int4mi, mstype = int);
create function near(a int, b int) returns boolean language sql immutable as 'select abs(a - b) < 2';
create operator ~~~ (function = near, leftarg = int, rightarg = int, commutator = ~~~, negator = !~~~);
create function far(a int, b int) returns boolean language sql immutable as 'select not near(a, b)';
create operator !~~~ (function = far, leftarg = int, rightarg = int, commutator = !~~~, negator = ~~~);
create operator class reversed for type int using btree as
  operator 1 >, operator 2 >=, operator 3 =, operator 4 <=, operator 5 <, function 1 btint4cmp(int, int);
create operator family kin using hash;
create type celsius as (degrees float8);
create type fahrenheit as (degrees float8);
create function warm(celsius) returns fahrenheit language sql immutable as
  'select row($1.degrees * 1.8 + 32)::code.fahrenheit';
create cast (celsius as fahrenheit) with function warm(celsius) as assignment;

-- Triggers that would spoil the rows if they fired while the rows come back.
create function touched() returns trigger language plpgsql as $$
begin
  if tg_op = 'DELETE' then return old; end if;
  new.changed := new.changed + 1;
  return new;
end $$;
create trigger touch before insert or update of checked or delete on later for each row execute function touched();
create trigger touch_when after update on later for each row when (old.id is distinct from new.id)
  execute function touched('an argument', 'it''s');
create constraint trigger at_commit after insert on later deferrable initially deferred
  for each row execute function touched();
create trigger of_statement after insert on later referencing new table as fresh for each statement
  execute function touched();
create trigger off before insert on later for each row execute function touched();
alter table later disable trigger off;
create trigger on_replica before insert on later for each row execute function touched();
alter table later enable replica trigger on_replica;
create view later_view as select id from later;
create trigger instead instead of insert on later_view for each row execute function touched();
update later set checked = true where id = 1;
create function refuse_ddl() returns event_trigger language plpgsql as $$
begin
  raise exception 'no more tables here';
end $$;
create event trigger no_more on ddl_command_start when tag in ('CREATE TABLE', 'ALTER TABLE')
  execute function refuse_ddl();
alter event trigger no_more disable;
create function note_ddl() returns event_trigger language plpgsql as $$ begin null; end $$;
create event trigger noted on ddl_command_end execute function note_ddl();

create text search dictionary plain_english (template = snowball, language = english, stopwords = english);
create text search configuration own (copy = simple);
alter text search configuration own alter mapping for asciiword with plain_english, simple;
create text search parser own_parser (start = prsd_start, gettoken = prsd_nexttoken, end = prsd_end,
  lextypes = prsd_lextype);
create text search template own_template (lexize = dsimple_lexize, init = dsimple_init);
create collation bytewise (provider = libc, locale = 'C');
create collation german (provider = icu, locale = 'de-u-co-phonebk', deterministic = false);
create table sorted (t text collate german primary key, own tsvector generated always as (to_tsvector('code.own', t)) stored);
insert into sorted (t) values ('ä'), ('Z'), ('straße'), ('Running');
create conversion to_own for 'LATIN1' to 'UTF8' from iso8859_1_to_utf8;
create access method own_heap type table handler heap_tableam_handler;
create table in_own_heap (id int) using own_heap;
insert into in_own_heap values (1);
create function own_handler() returns language_handler language c as '$libdir/plpgsql', 'plpgsql_call_handler';
create function own_validator(oid) returns void language c as '$libdir/plpgsql', 'plpgsql_validator';
create language own_sql handler own_handler validator own_validator;
create function in_own_sql() returns int language own_sql as 'begin return 1; end';
create transform for celsius language own_sql (from sql with function prsd_lextype(internal));
