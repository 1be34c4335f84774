-- What the system catalogs say of a database, for its fingerprint: one statement, for PostgreSQL 10
-- to 18. Names are qualified as pg_dump does it, since poolers and roles change search_path.
local json = require 'pgbak.json'

local M = {}

-- Of tables and sequences only those that a dump holds: not those of extensions, but for tables
-- whose rows an extension declares to be the user's (with `condition` perhaps only some of them).
local STATEMENT = [[
with spaces as (
  select oid, nspname::text as name from pg_catalog.pg_namespace
  where nspname !~ '^pg_' and nspname <> 'information_schema'),
members as (
  select classid, objid from pg_catalog.pg_depend
  where refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass and deptype = 'e'),
configured as (
  select * from (select pg_catalog.unnest(extconfig) as oid,
    pg_catalog.unnest(extcondition) as condition, extname from pg_catalog.pg_extension) x),
relations as (
  select c.oid, s.name as schema, c.relname::text as name, c.relkind as kind, c.relowner as owner,
    c.reltuples, c.relispopulated as populated, x.condition, x.extname::text as extension,
    pg_catalog.has_schema_privilege(s.oid, 'usage') as reachable
  from pg_catalog.pg_class c join spaces s on s.oid = c.relnamespace
    left join configured x on x.oid = c.oid
  where c.relkind in ('r', 'p', 'm', 'S') and c.relpersistence <> 't' and (x.oid is not null
    or c.oid not in (select objid from members
      where classid = 'pg_catalog.pg_class'::pg_catalog.regclass))),
foreign_keys as (
  select k.convalidated from pg_catalog.pg_constraint k
    join pg_catalog.pg_class c on c.oid = k.conrelid join spaces s on s.oid = c.relnamespace
  where k.contype = 'f' and @own_constraint and c.oid not in (
    select objid from members where classid = 'pg_catalog.pg_class'::pg_catalog.regclass)),
role_ids as (
  select refobjid as oid from pg_catalog.pg_shdepend d join pg_catalog.pg_database b
    on d.dbid = b.oid or (d.dbid = 0 and d.objid = b.oid
      and d.classid = 'pg_catalog.pg_database'::pg_catalog.regclass)
  where b.datname = pg_catalog.current_database()
    and d.refclassid = 'pg_catalog.pg_authid'::pg_catalog.regclass
  -- The server keeps no dependencies on the role that initdb made.
  union select owner from relations where owner = 10
  union select nspowner from pg_catalog.pg_namespace n join spaces using (oid)
    where nspowner = 10 and n.oid not in (select objid from members
      where classid = 'pg_catalog.pg_namespace'::pg_catalog.regclass) and nspname <> 'public'
  union select proowner from pg_catalog.pg_proc p join spaces s on s.oid = p.pronamespace
    where proowner = 10 and p.oid not in (select objid from members
      where classid = 'pg_catalog.pg_proc'::pg_catalog.regclass))
select pg_catalog.json_strip_nulls(pg_catalog.json_build_object(
  'relations', (select pg_catalog.json_agg(pg_catalog.json_build_object(
      'oid', oid::text, 'schema', schema, 'name', name, 'kind', kind, 'condition', condition,
      'extension', extension, 'populated', populated,
      'estimate', case when reltuples > 0 or (reltuples = 0 and @has_minus_one)
        then reltuples::int8 end,
      'readable', reachable and case when kind = 'S'
        then pg_catalog.has_sequence_privilege(oid, 'select')
        else pg_catalog.has_table_privilege(oid, 'select')
          or pg_catalog.has_any_column_privilege(oid, 'select') end,
      'filtered', pg_catalog.row_security_active(oid))
    order by schema collate "C", name collate "C") from relations),
  'extensions', (select pg_catalog.json_agg(pg_catalog.json_build_object(
      'name', extname::text, 'version', extversion) order by extname::text collate "C")
    from pg_catalog.pg_extension),
  'roles', (select pg_catalog.json_agg(rolname::text order by rolname::text collate "C")
    from pg_catalog.pg_roles where oid in (select oid from role_ids) and rolname !~ '^pg_'),
  'enums', (select pg_catalog.json_agg(pg_catalog.json_build_object(
      'schema', s.name, 'name', t.typname::text, 'labels', (
        select coalesce(pg_catalog.json_agg(enumlabel::text order by enumsortorder), '[]')
        from pg_catalog.pg_enum e where e.enumtypid = t.oid))
      order by s.name collate "C", t.typname::text collate "C")
    from pg_catalog.pg_type t join spaces s on s.oid = t.typnamespace
    where t.typtype = 'e' and t.oid not in (select objid from members
      where classid = 'pg_catalog.pg_type'::pg_catalog.regclass)),
  -- Indexes as pg_dump takes them: without those that a failed CREATE INDEX CONCURRENTLY left.
  'indexes', (select pg_catalog.count(*) from pg_catalog.pg_index i
    join pg_catalog.pg_class c on c.oid = i.indrelid join spaces s on s.oid = c.relnamespace
    where i.indisready and (i.indisvalid or c.relkind = 'p') and c.oid not in (
      select objid from members where classid = 'pg_catalog.pg_class'::pg_catalog.regclass)),
  'foreign_keys', (select pg_catalog.count(*) from foreign_keys),
  'foreign_keys_not_valid', (select pg_catalog.count(*) from foreign_keys where not convalidated),
  'large_objects', (select pg_catalog.count(*) from pg_catalog.pg_largeobject_metadata),
  'database', (select pg_catalog.json_build_object(
      'database_bytes', pg_catalog.pg_database_size(oid),
      'encoding', pg_catalog.pg_encoding_to_char(encoding),
      'collate', datcollate::text, 'ctype', datctype::text,
      'locale_provider', case @provider when 'i' then 'icu' when 'b' then 'builtin'
        else 'libc' end, 'icu_locale', @icu_locale)
    from pg_catalog.pg_database where datname = pg_catalog.current_database())
))::text as found]]

local function statement(version_num)
  local by_version = {
    has_minus_one = version_num >= 140000 and 'true' or 'false', -- 0 was "unknown", too
    own_constraint = version_num >= 110000 and 'k.conparentid = 0' or 'true',
    provider = version_num >= 150000 and 'datlocprovider' or "'c'",
    icu_locale = version_num >= 170000 and "case datlocprovider when 'i' then datlocale end"
      or version_num >= 150000 and 'daticulocale::text' or 'null',
  }
  return (STATEMENT:gsub('@([%a_]+)', by_version))
end

---@class pgbak.FoundRelation
---@field oid string
---@field schema string
---@field name string
---@field kind 'r'|'p'|'m'|'S'
---@field populated boolean of a materialised view
---@field condition? string of an extension's table: which rows are the user's, 'where …'
---@field extension? string the one that it belongs to
---@field estimate? integer rows, where the server has an idea
---@field readable boolean
---@field filtered boolean row security hides rows from this role

---Asks the catalogs.
---@param connection Connection
---@param version_num integer of the server
---@return table found relations: pgbak.FoundRelation[], and what goes into a fingerprint as it is
function M.ask(connection, version_num)
  local found = json.decode(connection:query(statement(version_num))[1].found)
  for _, list in ipairs { 'relations', 'extensions', 'roles', 'enums' } do
    found[list] = found[list] or json.array {}
  end
  return found
end

return M
