-- A language that is an extension with a package of its own.
create extension plperl;
create function perl_upper(text) returns text language plperl strict as $perl$
  my $s = shift; $s =~ s/\\\./'dot'/; return uc($s); # \.
$perl$;
create table perl_checked (t text check (perl_upper(t) <> ''));
insert into perl_checked values ('x');
