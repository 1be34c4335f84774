-- Compares the fingerprint of a source (`expected`, of the manifest) with that of its restored copy
-- (`found`). Pure. Each comparison returns a state, 'passed', 'failed' or 'skipped', and a message
-- that says what was expected and what is there.
local M = {}

local MOST_NAMED = 5

---The first few of a list of texts: 'a, b and 12 more'.
---@param list string[]
---@param separator? string
---@return string
function M.listed(list, separator)
  separator = separator or ', '
  if #list <= MOST_NAMED + 1 then return table.concat(list, separator) end
  return ('%s and %d more'):format(table.concat(list, separator, 1, MOST_NAMED),
    #list - MOST_NAMED)
end
local listed = M.listed

---'1 table', '2 tables', '2 indexes'.
---@param n integer
---@param noun string
---@param plural? string
---@return string
function M.count(n, noun, plural)
  return ('%d %s'):format(n, n == 1 and noun or plural or noun .. 's')
end
local count = M.count

local function name_of(object)
  return object.schema and ('%s.%s'):format(object.schema, object.name) or object.name
end

local function by_name(objects)
  local out = {}
  for _, object in ipairs(objects) do out[name_of(object)] = object end
  return out
end

-- Those of `expected` that `found` lacks.
local function missing(expected, found)
  local there, out = by_name(found), {}
  for _, object in ipairs(expected) do
    if not there[name_of(object)] then out[#out + 1] = name_of(object) end
  end
  return out
end

local function skipped(message) return 'skipped', message end
local function failed(message) return 'failed', message end
local function passed(message) return 'passed', message end

local IN_PART = 'the backup is of a part of the database'

local function is_part(expected) return expected.scope == 'part' end

-- For lists of objects of which a partial backup holds some. `differences(object, found)` tells
-- what is wrong with one that is there.
local function compare_objects(expected, found, field, noun, differences)
  local there, gone, wrong = by_name(found[field]), missing(expected[field], found[field]), {}
  for _, object in ipairs(expected[field]) do
    local other = there[name_of(object)]
    local difference = other and differences and differences(object, other)
    if difference then wrong[#wrong + 1] = name_of(object) .. ': ' .. difference end
  end
  local total = #expected[field]
  if not is_part(expected) and #gone > 0 then
    table.insert(wrong, 1, ('expected %s, found %d: missing %s'):format(count(total, noun),
      total - #gone, listed(gone)))
  end
  if #wrong > 0 then return failed(listed(wrong, '; ')) end
  if #gone > 0 then
    local text = ("%s: %d of the source's %s found"):format(IN_PART, total - #gone,
      count(total, noun))
    if not differences or #gone == total then return skipped(text) end
    return passed(text)
  end
  return passed(total == 0 and ('no %ss, as in the source'):format(noun)
    or count(total, noun) .. ', as in the source')
end

-- For what is only counted.
local function compare_count(expected, found, field, noun, plural)
  if is_part(expected) then
    return skipped(('%s, and holds %s of %d'):format(IN_PART, count(found[field], noun, plural),
      expected[field]))
  end
  if found[field] ~= expected[field] then
    return failed(('expected %s, found %d'):format(count(expected[field], noun, plural),
      found[field]))
  end
  return passed(found[field] == 0 and ('no %s, as in the source'):format(plural or noun .. 's')
    or count(found[field], noun, plural) .. ', as in the source')
end

-- Comparisons by the kind of check, and the field of a fingerprint that each needs; that of
-- migrations may be nothing.
local COMPARISONS = {}
local FIELDS = { tables = 'tables', row_counts = 'tables', enums = 'enums', indexes = 'indexes',
  foreign_keys = 'foreign_keys', sequences = 'sequences', extensions = 'extensions',
  large_objects = 'large_objects', encoding = 'encoding' }

-- Whether there is nothing to compare, and why.
local function without_migration(expected, found)
  local before, now = expected.migration, found.migration
  if not before then return 'the source has no table of migrations that pgbak knows' end
  if is_part(expected) and not (now and now.version) then
    return ('%s, without the rows of %s'):format(IN_PART, before.table)
  end
end

local function version_text(migration)
  return migration.version and ('%s (%s)'):format(migration.version, migration.tool)
    or 'no migration at all'
end

function COMPARISONS.migration_version(expected, found)
  local nothing = without_migration(expected, found)
  if nothing then return skipped(nothing) end
  local before, now = expected.migration, found.migration
  if not now then
    return failed(('expected %s, found no table %s'):format(version_text(before), before.table))
  end
  if now.version ~= before.version then
    return failed(('expected %s in %s, found %s'):format(version_text(before), before.table,
      version_text(now)))
  end
  return passed(('%s in %s'):format(version_text(now), now.table))
end

function COMPARISONS.migration_clean(expected, found)
  local nothing = without_migration(expected, found)
  if nothing then return skipped(nothing) end
  local now = found.migration
  if not now then
    return failed(('expected a clean %s, found no such table'):format(expected.migration.table))
  end
  if now.dirty then
    return failed(('expected no unfinished migration in %s, found %s%s'):format(now.table,
      version_text(now), expected.migration.dirty and ', as in the source' or ''))
  end
  return passed(('no unfinished migration in %s'):format(now.table))
end

function COMPARISONS.tables(expected, found)
  return compare_objects(expected, found, 'tables', 'table')
end

function COMPARISONS.enums(expected, found)
  return compare_objects(expected, found, 'enums', 'enum type', function(before, now)
    local want, got = table.concat(before.labels, ', '), table.concat(now.labels, ', ')
    if want ~= got then return ('expected %s, found %s'):format(want, got) end
  end)
end

-- What is wrong with a sequence's value. The source's may be behind the dumped one, since it was
-- read before the dump began.
local function wrong_value(before, now)
  if not before.value or now.cycles then return nil end
  local function text(sequence)
    if not sequence.value then return 'none that can be read' end
    return ('%.0f%s'):format(sequence.value, sequence.called and ' (used)' or '')
  end
  local ahead = now.value and now.value - before.value
  if ahead and now.descends then ahead = -ahead end
  if not ahead or ahead < 0 or ahead == 0 and before.called and not now.called then
    return ('expected %s or beyond, found %s'):format(text(before), text(now))
  end
end

function COMPARISONS.sequences(expected, found)
  local state, message = compare_objects(expected, found, 'sequences', 'sequence', wrong_value)
  local unknown = {}
  for _, each in ipairs(expected.sequences) do
    if not each.value then unknown[#unknown + 1] = name_of(each) end
  end
  if state ~= 'passed' or #unknown == 0 then return state, message end
  local text = 'not known of the source: the value of ' .. listed(unknown)
  if #unknown == #expected.sequences then return skipped(text) end
  return passed(('%s; %s'):format(message, text))
end

function COMPARISONS.extensions(expected, found, context)
  local tolerated, gone, notes = {}, {}, {}
  for _, name in ipairs(context.missing_extensions or {}) do tolerated[name] = true end
  for _, name in ipairs(missing(expected.extensions, found.extensions)) do
    if is_part(expected) then
      notes[#notes + 1] = name .. ' missing, in a partial backup'
    elseif tolerated[name] then
      notes[#notes + 1] = name .. ' missing, which is tolerated'
    else
      gone[#gone + 1] = name
    end
  end
  local there = by_name(found.extensions)
  for _, before in ipairs(expected.extensions) do
    local now = there[before.name]
    if now and now.version ~= before.version then
      notes[#notes + 1] = ('%s %s instead of %s'):format(before.name, now.version, before.version)
    end
  end
  local total = #expected.extensions
  if #gone > 0 then
    return failed(('expected %s, found %d: missing %s'):format(count(total, 'extension'),
      total - #missing(expected.extensions, found.extensions), listed(gone)))
  end
  return passed(#notes > 0 and ('%s: %s'):format(count(total, 'extension'), listed(notes))
    or count(total, 'extension') .. ', as in the source')
end

function COMPARISONS.indexes(expected, found)
  return compare_count(expected, found, 'indexes', 'index', 'indexes')
end

function COMPARISONS.foreign_keys(expected, found)
  local state, message = compare_count(expected, found, 'foreign_keys', 'foreign key')
  local before, now = expected.foreign_keys_not_valid, found.foreign_keys_not_valid or 0
  if now == 0 or state == 'failed' then return state, message end
  if before and now > before then
    return failed(('expected %d NOT VALID, found %d'):format(before, now))
  end
  return state, ('%s; %d NOT VALID%s'):format(message, now, before and ', as in the source' or '')
end

function COMPARISONS.large_objects(expected, found)
  return compare_count(expected, found, 'large_objects', 'large object')
end

function COMPARISONS.encoding(expected, found)
  if found.encoding ~= expected.encoding then
    return failed(('expected %s, found %s'):format(expected.encoding, found.encoding))
  end
  local notes = {}
  for _, field in ipairs { 'collate', 'ctype', 'locale_provider', 'icu_locale' } do
    if found[field] ~= expected[field] then
      notes[#notes + 1] = ('%s %s instead of %s'):format(field:gsub('_', ' '),
        found[field] or 'none', expected[field] or 'none')
    end
  end
  return passed(#notes == 0 and found.encoding
    or ('%s; %s, so texts may sort in another order'):format(found.encoding,
      table.concat(notes, ', ')))
end

-- Small tables change by much where nothing ties the fingerprint to the dump: so many rows are no
-- news.
local UNTIED_ROWS = 100

---Whether a number of rows is near enough. By a part, none are never near some.
---@param want integer
---@param got integer
---@param tolerance pgbak.Tolerance
---@return boolean
function M.near(want, got, tolerance)
  local off = math.abs(want - got)
  if tolerance.rows then return off <= tolerance.rows end
  return (want == 0) == (got == 0) and off <= want * tolerance.fraction
end

-- How many rows of a table there may be, as text; nothing when `got` is right.
local function wrong_rows(before, got, tied, tolerance)
  if before.exact ~= false and tied then
    return got ~= before.rows and ('%.0f'):format(before.rows) or nil
  end
  if M.near(before.rows, got, tolerance) then return nil end
  if not tied and got > 0 and math.abs(before.rows - got) <= UNTIED_ROWS then return nil end
  return ('about %.0f (%s)'):format(before.rows, tolerance.text)
end

-- Compares the rows of one table and notes in `seen` what came of it.
local function compare_rows(before, now, expected, tolerance, seen)
  local got = now and (now.rows or 0) -- a view that is not populated has none
  if not before.rows then
    seen.unknown = seen.unknown + 1
  elseif is_part(expected) and (not now or got == 0 and before.rows > 0) then
    seen.left_out = seen.left_out + 1
  else
    seen.compared, seen.rows = seen.compared + 1, seen.rows + (got or 0)
    if before.exact == false then seen.estimated = seen.estimated + 1 end
    local want = wrong_rows(before, got or -1, expected.snapshot ~= false, tolerance)
    if want then
      table.insert(seen.wrong, ('%s: expected %s row%s, found %s'):format(name_of(before), want,
        want == '1' and '' or 's', got and ('%.0f'):format(got) or 'no such table'))
    end
  end
end

function COMPARISONS.row_counts(expected, found, context)
  local there = by_name(found.tables)
  local seen = { compared = 0, rows = 0, estimated = 0, left_out = 0, unknown = 0, wrong = {} }
  for _, before in ipairs(expected.tables) do
    if before.kind ~= 'partitioned' and before.populated ~= false then
      compare_rows(before, there[name_of(before)], expected, context.tolerance, seen)
    end
  end
  if #seen.wrong > 0 then return failed(listed(seen.wrong, '; ')) end
  local notes = {}
  local function note(holds, text, ...)
    if holds then notes[#notes + 1] = text:format(...) end
  end
  note(seen.unknown > 0, '%d not compared: the rows were never counted', seen.unknown)
  note(seen.left_out > 0, '%d not compared: %s without their rows', seen.left_out, IN_PART)
  if seen.compared == 0 and #notes > 0 then return skipped(table.concat(notes, '; ')) end
  note(seen.estimated > 0, '%d as estimated there (within %s)', seen.estimated,
    context.tolerance.text)
  note(expected.snapshot == false, 'counted there outside of the dump\'s snapshot')
  table.insert(notes, 1, ('%.0f row%s in %s, as in the source'):format(seen.rows,
    seen.rows == 1 and '' or 's', count(seen.compared, 'table')))
  return passed(table.concat(notes, '; '))
end

-- The fingerprint without what belongs to extensions that are missing and may be.
local function without_tolerated(expected, found, context)
  local absent = {}
  for _, name in ipairs(context.missing_extensions or {}) do absent[name] = true end
  for _, each in ipairs(found.extensions or {}) do absent[each.name] = nil end
  if next(absent) == nil then return expected end
  local out = {}
  for field, value in pairs(expected) do out[field] = value end
  for _, field in ipairs { 'tables', 'sequences' } do
    local kept = {}
    for _, each in ipairs(expected[field] or {}) do
      if not absent[each.extension] then kept[#kept + 1] = each end
    end
    out[field] = expected[field] and kept
  end
  return out
end

---Compares what a kind of check is about.
---@param kind string as 'row_counts'
---@param expected? table the manifest's fingerprint
---@param found table the restored database's
---@param context { missing_extensions?: string[], tolerance?: pgbak.Tolerance }
---@return 'passed'|'failed'|'skipped' state
---@return string message
function M.compare(kind, expected, found, context)
  if type(expected) ~= 'table' then
    return skipped 'the manifest has no fingerprint of the source'
  end
  if expected.version ~= 1 then
    return skipped(('the fingerprint is of version %s, which this pgbak does not know')
      :format(tostring(expected.version)))
  end
  local field = FIELDS[kind]
  if field and expected[field] == nil or expected.problem and not field and not expected.migration
  then
    return skipped(('the fingerprint does not say: %s'):format(expected.problem or 'it lacks this'))
  end
  if field and found[field] == nil then
    return failed('the restored database could not be looked at')
  end
  return COMPARISONS[kind](without_tolerated(expected, found, context), found, context)
end

---Whether there is a comparison for a kind of check.
---@param kind string
---@return boolean
function M.compares(kind) return COMPARISONS[kind] ~= nil end

return M
