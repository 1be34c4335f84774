-- Names that break careless quoting, and text in definitions that looks like a part of a dump.
create schema "Schéma ""q"" 'x' .;-- $$";
create schema "COPY";
set search_path = "Schéma ""q"" 'x' .;-- $$", public;
create table "табліца 表 🎂" ("sélect" int primary key, "from ""x""" text, "tab	tab" text, "a\b" text);
insert into "табліца 表 🎂" values (1, 'x', 'y', 'z'), (2, null, '', E'\\.');
create table "line
break" ("a
b" text default 'two
lines; COPY x FROM stdin;', "it's" text default '\.');
insert into "line
break" values (default, default), ('x', E'\\.\n\\.\r\n\\N');
create table "sixty-three bytes are the most that a name can have: exactly so" (i int);
insert into "sixty-three bytes are the most that a name can have: exactly so" values (63);
create table "COPY"."FROM" ("stdin" text, ";" text, "--" text, "/*" text);
insert into "COPY"."FROM" values ('COPY', 'FROM', 'stdin', ';');
create table "COPY"."\connect" ("\." text);
insert into "COPY"."\connect" values ('\.'), ('\connect postgres');
create table "upper" (i int);
create table "UPPER" (i int);
insert into "upper" values (1);
insert into "UPPER" values (2);
create table " " (" " int);
insert into " " values (5);
create table "%s%n$1:name{}" ("%I" int, ":x" text);
insert into "%s%n$1:name{}" values (1, '%s {} :name');
create type "Mood's ""enum""" as enum ('so-so', 'it''s', 'line
break', '\.', '✓');
create table "uses mood" (m "Mood's ""enum""", ms "Mood's ""enum"""[]);
insert into "uses mood" values ('line
break', array['it''s', '\.']::"Mood's ""enum"""[]);
create sequence "Séquence ""1""" start 41 increment 3 maxvalue 1000 cycle;
select nextval('"Séquence ""1"""');
create sequence "never called" start -5 minvalue -10;
create sequence "down" increment -1 start 100 maxvalue 100 minvalue 1;
select nextval('down'), nextval('down');
create view "vïew ""1""" as select "sélect" as "\." from "табліца 表 🎂";
comment on schema "COPY" is E'a comment\n\\.\n-- of several lines\n\\restrict x\n';
comment on table "табліца 表 🎂" is 'it''s "quoted"; COPY public.x FROM stdin;';
comment on column "табліца 表 🎂"."a\b" is E'back\\slash';

-- Bodies that hold what begins and ends data.
create function "fünc ""x"""("arg 1" int default 1, "arg
2" text default E'\\.\n') returns text language sql as $body$
  -- COPY public.orders (id) FROM stdin;
  select $$1	2
\.

COPY x FROM stdin;
\N	\N
\.
$$ || "arg
2" /* nested /* comment */ ' */ $body$;
create function public.dollars() returns text language sql as
'select $a$ $b$ $a$ || E''\\'' /* '' */ || ''$$;''';
create table public.comment_like (t text default '/* not a comment', check (t <> '-- nor this'));
insert into public.comment_like values (default), ('--'), ('/*'), ('*/'), ('$$'), ('''');
