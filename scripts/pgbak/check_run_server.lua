-- The checks that look at the restored database's catalogs, and compare it with its source. They
-- run with an empty search_path (check_run.lua).
local compare = require 'pgbak.check_compare'

local M = {}

local listed, count = compare.listed, compare.count

-- Restored tables are counted, however large they are.
local ANY_SIZE = 2 ^ 53

-- The fingerprint of the restored database, made when the first check needs it. Where that of the
-- source could not be taken there is nothing to compare; what hindered it would hinder this one.
local function found(session)
  if not session.expected.encoding then return {} end
  if not session.found then
    local migration = session.expected.migration
    session.found = require('pgbak.fingerprint').of(session.connection,
      { exact_bytes = ANY_SIZE, migrations = migration and migration.setting })
  end
  return session.found
end

---@return string state
---@return string message
function M.compared(session, spec)
  return compare.compare(spec.kind, session.expected,
    session.expected and found(session), {
      tolerance = spec.tolerance, missing_extensions = session.tolerate.missing_extensions,
    })
end

local function names(rows)
  local out = {}
  for i, row in ipairs(rows) do out[i] = row.name end
  return out
end

-- pg_dump writes no invalid index, but those of partitioned tables that lack one of a partition.
local INVALID_INDEXES = [[
select i.indexrelid::regclass::text as name
from pg_catalog.pg_index i join pg_catalog.pg_class c on c.oid = i.indexrelid
where c.relkind = 'i' and not (i.indisvalid and i.indisready and i.indislive)
order by 1]]

function M.indexes(session, spec)
  local state, message = M.compared(session, spec)
  local invalid = names(session.connection:query(INVALID_INDEXES))
  if #invalid == 0 then return state, message end
  local text = ('expected valid indexes, found %d invalid: %s'):format(#invalid, listed(invalid))
  return 'failed', state == 'failed' and message .. '; ' .. text or text
end

local NOT_VALID = [[
select conrelid::regclass || ' ' || quote_ident(conname) as name from pg_catalog.pg_constraint k
where contype = 'f' and not convalidated and coalesce(to_jsonb(k) ->> 'conparentid', '0') = '0'
order by 1]]

function M.foreign_keys(session, spec)
  local state, message = M.compared(session, spec)
  local not_valid = names(session.connection:query(NOT_VALID))
  if #not_valid > 0 then message = ('%s: %s'):format(message, listed(not_valid)) end
  return state, message
end

-- Those whose values need not grow.
local DESCENDING = [[
select n.nspname as schema, c.relname as name, s.seqcycle as cycles
from pg_catalog.pg_sequence s join pg_catalog.pg_class c on c.oid = s.seqrelid
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where s.seqincrement < 0 or s.seqcycle]]

function M.sequences(session, spec)
  if session.expected and session.connection:info().major >= 10 then
    local special = {}
    for _, row in ipairs(session.connection:query(DESCENDING)) do
      special[row.schema .. '\0' .. row.name] = row
    end
    for _, sequence in ipairs(found(session).sequences or {}) do
      local row = special[sequence.schema .. '\0' .. sequence.name]
      sequence.descends, sequence.cycles = row ~= nil, row ~= nil and row.cycles == 't'
    end
  end
  return M.compared(session, spec)
end

-- For each foreign key a statement that counts the rows whose referenced row is missing: an
-- anti-join, by the key's own operators and collations, as the server's own check is. Constraints
-- of partitions are covered by that of the partitioned table, which is read with its partitions.
-- A key with a null refers to nothing (MATCH FULL: when all are null).
local ORPHANS = [[
select format('%I.%I %I', n.nspname, child.relname, con.conname) as name,
  con.convalidated as valid, con.confrelid::regclass as parent,
  coalesce(to_jsonb(con) ->> 'conperiod', 'false') as period,
  format('select count(*) as orphans from %s %s c where (%s) and not exists '
      '(select from %s %s p where %s)',
    case child.relkind when 'p' then '' else 'only' end, con.conrelid::regclass,
    string_agg(format('c.%I is not null', a.attname),
      case con.confmatchtype when 'f' then ' or ' else ' and ' end order by k.i),
    case parent.relkind when 'p' then '' else 'only' end, con.confrelid::regclass,
    string_agg(format('p.%I operator(%I.%s) c.%I%s', b.attname, opn.nspname, op.oprname, a.attname,
      case when a.attcollation <> b.attcollation
        then format(' collate %I.%I', coln.nspname, col.collname) else '' end),
      ' and ' order by k.i)) as statement
from pg_catalog.pg_constraint con
  join pg_catalog.pg_class child on child.oid = con.conrelid
  join pg_catalog.pg_namespace n on n.oid = child.relnamespace
  join pg_catalog.pg_class parent on parent.oid = con.confrelid
  cross join lateral unnest(con.conkey, con.confkey, con.conpfeqop)
    with ordinality as k (fk, pk, eq, i)
  join pg_catalog.pg_attribute a on a.attrelid = con.conrelid and a.attnum = k.fk
  join pg_catalog.pg_attribute b on b.attrelid = con.confrelid and b.attnum = k.pk
  join pg_catalog.pg_operator op on op.oid = k.eq
  join pg_catalog.pg_namespace opn on opn.oid = op.oprnamespace
  left join pg_catalog.pg_collation col on col.oid = b.attcollation
  left join pg_catalog.pg_namespace coln on coln.oid = col.collnamespace
where con.contype = 'f'
  and coalesce(to_jsonb(con) ->> 'conparentid', '0') = '0'
group by con.oid, con.conname, con.conrelid, con.confrelid, con.convalidated, con.confmatchtype,
  n.nspname, child.relname, child.relkind, parent.relkind, to_jsonb(con)
order by 1]]

function M.orphans(session)
  local keys = session.connection:query(ORPHANS)
  local broken, notes, checked = {}, {}, 0
  for _, key in ipairs(keys) do
    if key.period == 'true' then
      notes[#notes + 1] = key.name .. ' not checked, since it is one of periods'
    else
      checked = checked + 1
      local orphans = tonumber(session.connection:query(key.statement)[1].orphans)
      local text = ('%s: %s without one in %s'):format(key.name, count(orphans, 'row'), key.parent)
      -- The server never promised anything about those, so the source may have them, too.
      if orphans > 0 and key.valid == 'f' then
        notes[#notes + 1] = text .. ', but it is NOT VALID'
      elseif orphans > 0 then
        broken[#broken + 1] = text
      end
    end
  end
  if #broken > 0 then return 'failed', 'expected no orphan rows, found ' .. listed(broken, '; ') end
  if #keys == 0 then return 'passed', 'no foreign keys, so no orphan rows' end
  local text = ('no orphan rows by %s'):format(count(checked, 'foreign key'))
  if #notes > 0 then text = ('%s; %s'):format(text, listed(notes, '; ')) end
  return checked > 0 and 'passed' or 'skipped', text
end

local BTREES = [[
select i.indexrelid::regclass::text as name, i.indexrelid::oid as oid
from pg_catalog.pg_index i join pg_catalog.pg_class c on c.oid = i.indexrelid
  join pg_catalog.pg_am am on am.oid = c.relam
where am.amname = 'btree' and c.relkind = 'i' and c.relpersistence <> 't' and i.indisvalid
  and i.indisready
order by 1]]

---Every B-tree index agrees with its table: each row is in it.
function M.amcheck(session)
  local connection = session.connection
  connection:query 'reset search_path' -- an extension goes into the first schema of it
  local ok, err = pcall(connection.query, connection, 'create extension if not exists amcheck')
  connection:query "set search_path = ''"
  if not ok then
    if type(err) ~= 'table' or err.kind == 'cancelled' or err.kind == 'unavailable' then
      error(err, 0)
    end
    return 'skipped', 'the extension amcheck cannot be installed: ' .. err.message
  end
  local schema = connection:query [[select quote_ident(n.nspname) as name
from pg_catalog.pg_extension e join pg_catalog.pg_namespace n on n.oid = e.extnamespace
where e.extname = 'amcheck']][1].name
  local indexes, broken = connection:query(BTREES), {}
  for _, index in ipairs(indexes) do
    local fine, problem = pcall(connection.query, connection,
      ('select %s.bt_index_check($1::oid::regclass, true)'):format(schema), { index.oid })
    if not fine then
      local kind = type(problem) == 'table' and problem.kind
      if kind == 'permission' then
        return 'skipped', 'the role may not use amcheck: ' .. problem.message
      end
      if kind ~= 'process' then error(problem, 0) end
      broken[#broken + 1] = ('%s: %s'):format(index.name, problem.message)
    end
  end
  if #broken > 0 then
    return 'failed', ('expected %s to be whole, found %d broken: %s'):format(
      count(#indexes, 'index', 'indexes'), #broken, listed(broken, '; '))
  end
  return 'passed', ('%s, whole and with every row'):format(
    count(#indexes, 'B-tree index', 'B-tree indexes'))
end

return M
