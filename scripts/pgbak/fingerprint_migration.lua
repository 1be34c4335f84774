-- The version of a database's schema, as the migration tools that are in use write it down.
local pg = require 'pgbak.pg'

local M = {}

-- "10" is after "9", and 20261121120000 after both.
local function newest(column)
  return ("(select %s::text from {table} order by case when %s::text ~ '^[0-9]+$' "
    .. 'then %s::text::numeric end desc nulls last, %s::text desc limit 1)'):format(column, column,
    column, column)
end

local function dirty(condition) return 'exists (select from {table} where ' .. condition .. ')' end

---Tables by name, in the order of preference; of those that share a name the first one whose
---`columns` are all there.
local KNOWN = {
  { name = 'schema_migrations', tool = 'golang-migrate', columns = { 'version', 'dirty' },
    version = newest 'version', dirty = dirty 'dirty' },
  { name = 'schema_migrations', tool = 'ecto', columns = { 'version', 'inserted_at' },
    version = newest 'version' },
  { name = 'schema_migrations', tool = 'rails', columns = { 'version' },
    version = newest 'version' },
  { name = 'flyway_schema_history', tool = 'flyway',
    columns = { 'version', 'installed_rank', 'success' },
    version = '(select version::text from {table} where version is not null and success '
      .. 'order by installed_rank desc limit 1)',
    dirty = dirty 'not success' },
  { name = 'django_migrations', tool = 'django', columns = { 'id', 'app', 'name' },
    version = "(select app || '.' || name from {table} order by id desc limit 1)" },
  { name = 'alembic_version', tool = 'alembic', columns = { 'version_num' },
    version = "(select string_agg(version_num::text, ',' order by version_num) from {table})" },
  { name = '_prisma_migrations', tool = 'prisma',
    columns = { 'migration_name', 'finished_at', 'rolled_back_at' },
    version = '(select migration_name::text from {table} where finished_at is not null '
      .. 'and rolled_back_at is null order by finished_at desc, migration_name desc limit 1)',
    dirty = dirty 'finished_at is null and rolled_back_at is null' },
  { name = 'knex_migrations', tool = 'knex', columns = { 'id', 'name' },
    version = '(select name::text from {table} order by id desc limit 1)' },
}

---The parts of a name such as `app.versions` or `"my.app".versions.number`.
local function parts(text)
  local out, at = {}, 1
  repeat
    local quoted, behind = text:match('^"(.-)"()%f[.%z]', at)
    local plain, after = text:match('^([^."]+)()', at)
    local part = quoted and quoted:gsub('""', '"') or plain
    at = quoted and behind or after
    if not part then return nil end
    out[#out + 1] = part
    local dot = text:sub(at, at)
    at = at + 1
  until dot ~= '.'
  if at <= #text then return nil end
  return out
end

---Reads the setting `migration_table`.
---@param text string 'schema.table' or 'schema.table.column'
---@return { schema: string, name: string, column: string? }? nothing where it is neither
function M.parse(text)
  local names = parts(text)
  if not names or #names < 2 or #names > 3 then return nil end
  return { schema = names[1], name = names[2], column = names[3] }
end

local function columns_of(connection, relation)
  local columns = {}
  for _, row in ipairs(connection:query('select attname::text as name from pg_catalog.pg_attribute '
    .. 'where attrelid = $1::oid and attnum > 0 and not attisdropped', { relation.oid })) do
    columns[row.name] = true
  end
  return columns
end

local function has_all(columns, names)
  for _, name in ipairs(names) do
    if not columns[name] then return false end
  end
  return true
end

---The way to read a table: that of a tool, or a column that the user names.
local function way_of(connection, relation, wanted)
  local columns = columns_of(connection, relation)
  if wanted and wanted.column then
    return columns[wanted.column]
      and { tool = 'custom', version = newest(pg.quote_identifier(wanted.column)) }
  end
  for _, each in ipairs(KNOWN) do
    if each.name == relation.name and has_all(columns, each.columns) then return each end
  end
  return wanted and columns.version and { tool = 'custom', version = newest 'version' }
end

local function read(connection, relation, way, setting)
  local name = ('%s.%s'):format(pg.quote_identifier(relation.schema),
    pg.quote_identifier(relation.name))
  local text = ('select %s as version, %s as dirty'):format(way.version, way.dirty or 'false')
  local row = connection:query((text:gsub('{table}', function() return name end)))[1]
  return {
    tool = way.tool, table = ('%s.%s'):format(relation.schema, relation.name),
    version = row.version, dirty = row.dirty == 't', setting = setting,
  }
end

---The tables that may hold it: the one that the user names, else known ones, first in `public`.
local function candidates(relations, wanted)
  local out = {}
  if wanted then
    for _, each in ipairs(relations) do
      if each.schema == wanted.schema and each.name == wanted.name then out[1] = each end
    end
    return out
  end
  local seen = {}
  for _, known in ipairs(KNOWN) do
    for _, public in ipairs { true, false } do
      for _, each in ipairs(relations) do
        if each.name == known.name and (each.schema == 'public') == public and not seen[each] then
          seen[each], out[#out + 1] = true, each
        end
      end
    end
  end
  return out
end

---Finds the schema's version.
---@param connection Connection within a transaction
---@param relations pgbak.FoundRelation[]
---@param setting? string migration_table
---@return table? migration {tool, table, version, dirty, setting?}: the setting goes along, so that
---  the same is looked for in a restored copy
---@return string? problem why it is unknown
function M.find(connection, relations, setting)
  local wanted = setting and M.parse(setting)
  local problem = wanted and ("there is no table '%s' with the schema's version"):format(setting)
  for _, each in ipairs(candidates(relations, wanted)) do
    local way = each.kind ~= 'S' and way_of(connection, each, wanted)
    if way and (not each.readable or each.filtered) then
      problem = ("the role may not read '%s.%s'"):format(each.schema, each.name)
    elseif way then
      return read(connection, each, way, setting)
    end
  end
  return nil, problem
end

return M
