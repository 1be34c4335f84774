-- Values of every kind, above all those whose text form is easily spoilt.
create schema types;
set search_path = types, public;
set timezone = 'UTC';

create table numbers (
  i2 smallint, i4 int, i8 bigint, n numeric, n2 numeric(1000, 500), f4 real, f8 double precision, m money
);
insert into numbers values
  (-32768, -2147483648, -9223372036854775808, 'NaN', 0.1, 'NaN', 'NaN', -1),
  (32767, 2147483647, 9223372036854775807, 'Infinity', 1e-400, 'Infinity', '-Infinity', '12345.67'),
  (0, 0, 0, '-Infinity', -1e499, 1e-45, 4.9e-324, null),
  (1, 1, 1, repeat('9', 5000)::numeric, null, 0.1, 0.1::float8 + 0.2, null),
  (null, null, null, ('0.' || repeat('1', 9000))::numeric, 3.1400, '-0', '-0', null);

create table times (
  d date, t time, tz timetz, ts timestamp, tstz timestamptz, i interval
);
insert into times values
  ('4713-01-01 BC', '00:00', '00:00+14', '4713-01-01 00:00:00 BC', '4713-01-01 00:00:00+00 BC', '-178000000 years'),
  ('5874897-12-31', '24:00', '24:00-12', '294276-12-31 23:59:59.999999', '294276-12-31 23:59:59.999999+00', '1 mon -1 day 00:00:00.000001'),
  ('infinity', '12:00:00.000001', '12:34:56.789+05:30', '-infinity', 'infinity', '-1 mon +1 day'),
  ('-infinity', null, null, 'infinity', '-infinity', 'P1Y2M3DT4H5M6.789S'),
  ('0001-12-31 BC', '23:59:60', null, '0044-03-15 12:00:00 BC', '1970-01-01 00:00:00+00', '0');

-- What COPY writes with backslashes, and what it must not mistake for its end.
create table texts (id int generated always as identity primary key, t text);
insert into texts (t) values
  (null), (''), (' '), ('\N'), ('\.'), (E'\\.\n'), (E'\n\\.\n'), ('\\'), ('\'), (E'\t'), (E'\n'),
  (E'\r'), (E'\r\n'), (E'a\tb\\tc\nd\\ne\rf\\rg'), (E'\b\f\v\a'), (E'\x01\x1f\x7f'), ('NULL'),
  ('null'), ('\x00'), ('\\.'), (E'\u00a0\u2028\ufeff'), ('🎂 ñ 表 é'), (E'e\u0301'), (E'trailing\\'),
  ('"'), (''''), ('$$'), (E'\\restrict x\n\\unrestrict x\n'), ('-- PostgreSQL database dump complete'),
  (E'x\n--\n-- PostgreSQL database dump complete\n--\n\n'), (U&'\+10FFFF');
insert into texts (t) select chr(i) from generate_series(1, 700) i;
create table chars (c char(5), v varchar(5), n name, q "char", b bit(5), vb bit varying);
insert into chars values ('ab', 'ab ', 'name', 'x', '10101', ''), ('', '', '', '', '00000', '1'),
  (null, null, null, null, null, null);

create table bytes (id int primary key, b bytea);
insert into bytes select i, decode(lpad(to_hex(i), 2, '0'), 'hex') from generate_series(0, 255) i;
insert into bytes select 256, string_agg(b, '' order by id) from bytes;
insert into bytes values (257, ''), (258, null), (259, '\x5c2e0a5c4e09');
-- Toasted: compressible, not compressible, stored outside without compression.
create table toasted (id int, t text, b bytea);
alter table toasted alter b set storage external;
insert into toasted
  select i, repeat('toast ' || i, 50000),
         (select string_agg(sha256((i || ' ' || j)::text::bytea), '') from generate_series(1, 8000) j)
  from generate_series(1, 3) i;

create table documents (j json, jb jsonb, x xml, path jsonpath);
insert into documents values
  ('{"a" :1, "a":2,  "b": [null, true, 1e400]}', '{"a": [1, null, {"🎂": "\\ \" \n\t"}], "n": 1e100}', '<a b="1">&amp;</a>', '$.a[*] ? (@ > 1)'),
  ('"\ud83c\udf82"', '""', null, null), ('null', 'null', '', null), (null, null, null, null);

create type address as (street text, "No." int, tags text[]);
create type person as (name text, home address);
create domain positive as int check (value > 0) not null;
create domain label as text collate "C" default 'none' constraint short check (length(value) < 50);
create domain labels as label[];
create type mood as enum ('sad', 'ok', 'happy');
alter type mood add value 'curious' before 'ok';
create type floats as range (subtype = float8, subtype_diff = float8mi, multirange_type_name = floatses);
create table composed (
  p person, ps person[], pos positive, l label, ls labels, m mood, ms mood[], r floats, rs floatses
);
insert into composed values
  (row('a,b', row('(x)"\', 1, '{"a b",NULL,""}')), array[row('x', null), null]::person[], 1, 'l',
   '{a,NULL}', 'curious', '{sad,happy}', '[1,2.5)', '{[1,2), (3,4]}'),
  (row(null, null), '{}', 2, default, '{}', null, null, 'empty', '{}'),
  (null, null, 3, null, null, null, '{NULL}', '(,)', '{(,)}');
create table arrays (
  i int[], nested int[][], t text[], based int[], ranges int4range[], stamps timestamptz[], b bytea[]
);
insert into arrays values
  ('{}', '{{1,2},{3,NULL}}', array['', null, 'NULL', '"', '\', '{', ',', E'\n\t', '\.'],
   '[-2:0]={1,2,3}', '{"[1,5)",empty,"(,)"}', '{infinity,"2026-01-01 00:00:00+00"}',
   array['\x00ff5c'::bytea, '', null]);
create table ranges (
  i int4range, b int8range, n numrange, ts tsrange, tz tstzrange, d daterange, im int4multirange
);
insert into ranges values
  ('[1,10)', '[,5)', '(1.5,2.5]', '[2026-01-01,infinity)', '[-infinity,infinity]', 'empty', '{[1,3),[5,)}');
create table others (
  u uuid, i inet, c cidr, ma macaddr, m8 macaddr8, pt point, ln line, ls lseg, bx box, pa path, po polygon, ci circle,
  v tsvector, q tsquery, o oid, rc regclass, rp regprocedure, pl pg_lsn, ti tid, xi xid8, ol oidvector, b boolean
);
insert into others values
  ('00000000-0000-0000-0000-00000000ffff', '::1/64', '10.0.0.0/8', '08:00:2b:01:02:03',
   '08:00:2b:01:02:03:04:05', '(NaN,-0)', '{1,2,3}', '[(0,0),(1e300,1)]', '((1,1),(0,0))',
   '[(0,0),(1,1)]', '((0,0),(1,1),(2,0))', '<(0,0),1e-300>', '''it''''s'':1A,2B ''x y'':3', '''a'' & !(''b'' <-> ''c'':*)',
   4294967295, 'types.texts', 'upper(text)', 'FF/FFFFFFFF', '(0,1)', '18446744073709551615', '1 2 3', true);

create table nothing_in_it (id int primary key, t text);
create table no_columns ();
insert into no_columns select from generate_series(1, 3);
create table dropped (a int, b text, c int default 3);
insert into dropped values (1, 'gone', 2), (2, 'gone', null);
alter table dropped drop b;
alter table dropped add d text default 'added later';
create unlogged table unlogged (id int);
insert into unlogged values (1), (2);
create temporary table not_in_a_dump (i int);
create table wide (id int);
select format('alter table wide add c%s int default %s', i, i) from generate_series(1, 400) i \gexec
insert into wide (id) values (1), (2);
