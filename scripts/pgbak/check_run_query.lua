-- The checks that users write themselves: SQL with an expectation, rows of a table, functions, and
-- the health of a program that uses the restored database.
local clock = require 'pgbak.clock'
local compare = require 'pgbak.check_compare'
local http = require 'pgbak.http'
local sys = require 'pgbak.sys'

local M = {}

local MOST_SHOWN = 200

-- A value of the database as it is shown.
local function shown(value)
  if value == nil then return 'null' end
  value = tostring(value)
  return #value <= MOST_SHOWN and value
    or value:sub(1, MOST_SHOWN):gsub('[\128-\255]+$', '') .. '...'
end

-- What is compared with a value of the database, which is text, or nil for null.
local EXPECTATIONS = {}

function EXPECTATIONS.equals(expect, found)
  local want, got = expect.value, found
  if type(want) == 'number' then got = tonumber(found) end
  if type(want) == 'boolean' then want = want and 't' or 'f' end
  if got == want then return 'passed', 'found ' .. shown(found) end
  return 'failed', ('expected %s, found %s'):format(shown(want), shown(found))
end

function EXPECTATIONS.at_least(expect, found)
  local number = tonumber(found)
  return number and number >= expect.value and 'passed' or 'failed',
    ('expected at least %s, found %s'):format(expect.value, shown(found))
end

function EXPECTATIONS.at_most(expect, found)
  local number = tonumber(found)
  return number and number <= expect.value and 'passed' or 'failed',
    ('expected at most %s, found %s'):format(expect.value, shown(found))
end

function EXPECTATIONS.within(expect, found, session)
  if found == nil then
    return 'failed', ('expected a time within %s, found null'):format(expect.text)
  end
  local time = tonumber(session.connection:query(
    'select extract(epoch from $1::timestamptz) as time', { found })[1].time)
  if not time or math.abs(time) == math.huge then
    return 'failed', ('expected a time within %s, found %s'):format(expect.text, shown(found))
  end
  local age = session.now - time
  -- A time beyond the backup's start is as wrong as an old one: it would stay "fresh" for ever.
  return math.abs(age) <= expect.seconds and 'passed' or 'failed',
    ('expected within %s of the backup\'s start, %s; found %s, %s %s'):format(expect.text,
      clock.format(session.now), shown(found), sys.human_seconds(math.abs(age)),
      age < 0 and 'after it' or 'before it')
end

local QUERIES = { select = true, with = true, values = true, table = true }

-- Counted by the server: rows may be many.
local function count_rows(session, spec)
  local inner = spec.sql:gsub('[%s;]+$', '')
  local ok, rows = pcall(session.connection.query, session.connection,
    ('select count(*) as n from (\n%s\n) as checked'):format(inner))
  if ok then return tonumber(rows[1].n) end
  local word = inner:gsub('%-%-[^\n]*', ' '):gsub('/%*.-%*/', ' '):match '%a+'
  if type(rows) == 'table' and rows.kind == 'process' and word and not QUERIES[word:lower()] then
    return nil, ('one SELECT expected by :%s(), found %s'):format(spec.expect.op, shown(inner))
  end
  error(rows, 0)
end

---check.sql
function M.sql(session, spec)
  local op = spec.expect.op
  if op == 'returns_rows' or op == 'empty' then
    local n, problem = count_rows(session, spec)
    if not n then return 'failed', problem end
    local fine = (n == 0) == (op == 'empty')
    return fine and 'passed' or 'failed', ('expected %s, found %s'):format(
      op == 'empty' and 'no rows' or 'rows', n == 0 and 'none' or compare.count(n, 'row'))
  end
  local rows = session.connection:query(spec.sql)
  local column, value = next(rows[1] or {})
  if #rows ~= 1 or column and next(rows[1], column) then
    return 'failed', ('expected one value, found %s'):format(#rows == 1 and 'several columns'
      or compare.count(#rows, 'row'))
  end
  return EXPECTATIONS[op](spec.expect, value, session)
end

local RELATION = [[
select n.nspname as schema, c.relname as name, c.oid::regclass::text as sql
from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where c.oid = to_regclass($1)]]

-- The rows that a fingerprint has of a table, or nothing and why.
local function recorded_rows(fingerprint, relation)
  if type(fingerprint) ~= 'table' then
    return nil, 'the manifest has no fingerprint of the source'
  end
  for _, each in ipairs(fingerprint.tables or {}) do
    if each.schema == relation.schema and each.name == relation.name and each.rows then
      return each.rows
    end
  end
  return nil, ('the fingerprint holds no number of rows of %s'):format(relation.sql)
end

---check.rows
function M.rows(session, spec)
  local relation = session.connection:query(RELATION, { spec.relation })[1]
  if not relation then
    local hint = spec.relation:find '%u' and not spec.relation:find '"'
      and '; a name with capitals is written \'"Name"\'' or ''
    return 'failed', ('expected a table %s, found none%s'):format(spec.relation, hint)
  end
  local found = session.connection:query('select count(*) as n from ' .. relation.sql)[1].n
  local expect = spec.expect
  if expect.op ~= 'near' then return EXPECTATIONS[expect.op](expect, found, session) end
  local want, why = recorded_rows(expect.fingerprint, relation)
  if not want then return 'skipped', why end
  return compare.near(want, tonumber(found), expect.tolerance) and 'passed' or 'failed',
    ('expected %.0f rows (within %s), found %s'):format(want, expect.tolerance.text, found)
end

-- Statements may take long on a large database; a loop that never ends must not keep a run alive.
local LIMIT_SECONDS = 3600

---check.custom: its function returns true, or false and why.
function M.custom(session, spec)
  local function query(sql, params) return session.connection:query(sql, params or {}) end
  local fine, message = sys.call_within(LIMIT_SECONDS, spec.fn, query, session.manifest)
  -- What is given beside it says why it failed.
  if fine == true then return 'passed', 'it returned true' end
  if message ~= nil and type(message) ~= 'string' and type(message) ~= 'number' then
    return 'failed', ('expected true, or false and why as a text; found %s and a %s'):format(
      tostring(fine), type(message))
  end
  if fine == false or fine == nil and message then
    return 'failed', message and tostring(message) or 'expected true, found false'
  end
  return 'failed', ('expected true, or false and why; found %s'):format(
    fine == nil and 'nothing' or 'a ' .. type(fine))
end

local PLACE = [[
select current_database() as database, current_setting('port') as port,
  trim(split_part(current_setting('unix_socket_directories'), ',', 1)) as socket]]

-- The address with what is known of the restored database in the place of {database} & co.
local function address(session, url)
  if not url:find '{%l+}' then return url end
  local known = session.connection:query(PLACE)[1]
  return (url:gsub('{(%l+)}', function(name)
    return known[name] and known[name]:gsub('[^%w._~-]', function(byte)
      return ('%%%02X'):format(byte:byte())
    end)
  end))
end

local HTTP_SECONDS = 10

---check.http: any status from 200 to 299 is healthy.
function M.http(session, spec)
  local url = spec.url or session.http
  if not url then return 'skipped', 'no address is set: verify = { http = \'http://…\' }' end
  local answer = http.get(address(session, url), { timeout_seconds = HTTP_SECONDS })
  local fine = answer.status >= 200 and answer.status < 300
  return fine and 'passed' or 'failed', ('expected 200 to 299 from %s, found %d'):format(answer.url,
    answer.status)
end

return M
