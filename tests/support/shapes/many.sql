-- A thousand tables, each with what takes locks of its own: a sequence, a key, a toast table.
select format('create table many_%s (id serial primary key, t text); insert into many_%1$s (t) values (%1$L)', i)
  from generate_series(1, 1000) i \gexec
select format('alter table many_%s add foreign key (id) references many_%s', i, i + 1)
  from generate_series(1, 999, 20) i \gexec
