-- Counts rows and reads sequences for a fingerprint, many per statement. Each statement gives its
-- locks back: thousands of them, beside those of pg_dump, could fill the server's lock table.
local pg = require 'pgbak.pg'

local M = {}

local AT_ONCE = 100
-- What is locked is waited for so long at most (LOCK_TIMEOUT in fingerprint.lua), so many times.
local MOST_FAILURES = 20

local function full_name(relation)
  return ('%s.%s'):format(pg.quote_identifier(relation.schema),
    pg.quote_identifier(relation.name))
end

---`case` looks at the size first: what is too large is not counted.
local function count_statement(table, number, exact_bytes)
  return ('select %d as n, case when size <= %.0f then (select pg_catalog.count(*) from only %s %s)'
    .. ' end as rows from (select pg_catalog.pg_relation_size(%s::pg_catalog.oid) as size) s')
    :format(number, exact_bytes, full_name(table), table.condition or '', table.oid)
end

local function sequence_statement(sequence, number)
  return ('select %d as n, last_value as value, is_called as called from %s'):format(number,
    full_name(sequence))
end

---Runs a statement below the savepoint that fingerprint.lua has made, and goes back to it.
local function query(connection, text)
  local ok, result = pcall(connection.query, connection, text)
  if not ok and result.kind == 'cancelled' then error(result, 0) end
  connection:query 'rollback to savepoint pgbak'
  if ok then return result end
  return nil, result
end

---Asks for all of `list`, and calls `answer` with each and its row, or `fail` with it and what was
---raised. When a statement for many fails, each is asked for alone.
local function ask(connection, list, make, answer, fail)
  local failures = 0
  local function ask_for(first, last)
    if failures >= MOST_FAILURES then
      for i = first, last do fail(list[i], { message = 'not tried after other failures' }) end
      return
    end
    local texts = {}
    for i = first, last do texts[#texts + 1] = make(list[i], i) end
    local rows, err = query(connection, table.concat(texts, ' union all '))
    if rows then
      for _, row in ipairs(rows) do answer(list[tonumber(row.n)], row) end
    elseif first == last then
      failures = failures + 1
      fail(list[first], err)
    else
      for i = first, last do ask_for(i, i) end
    end
  end
  for first = 1, #list, AT_ONCE do ask_for(first, math.min(first + AT_ONCE - 1, #list)) end
end

---Counts the rows of tables into their `rows`; for larger ones than `exact_bytes` it is the
---server's estimate.
---@param connection Connection within a transaction
---@param tables pgbak.FoundRelation[]
---@param exact_bytes integer
---@param fail fun(table: pgbak.FoundRelation, err: pgbak.Failure)
function M.rows(connection, tables, exact_bytes, fail)
  ask(connection, tables, function(each, number)
    return count_statement(each, number, exact_bytes)
  end, function(each, row)
    each.exact = row.rows ~= nil
    each.rows = tonumber(row.rows) or each.estimate
  end, fail)
end

---Reads sequences into their `value` and `called`.
---@param connection Connection within a transaction
---@param sequences pgbak.FoundRelation[]
---@param fail fun(sequence: pgbak.FoundRelation, err: pgbak.Failure)
function M.sequences(connection, sequences, fail)
  ask(connection, sequences, sequence_statement, function(each, row)
    each.value, each.called = tonumber(row.value), row.called == 't'
  end, fail)
end

return M
