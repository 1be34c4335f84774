-- Which backup is the newest: one that is whole and in no doubt, and nothing newer passed over
-- unseen.
local catalog = require 'pgbak.catalog'
local clock = require 'pgbak.clock'
local failure = require 'pgbak.failure'
local log = require 'pgbak.log'
local stores = require 'pgbak.stores'
local sys = require 'pgbak.sys'

local M = {}

---What people are told of a quarantined backup.
---@param backup table
---@return string
function M.quarantined(backup)
  return ('%s is quarantined: %s'):format(backup.key, table.concat(backup.quarantine, '; '))
end

---What people are told of a backup whose data is not what its manifest says.
---@param backup pgbak.Backup
---@return string
function M.damaged(backup)
  return ('%s in %s is damaged: its data is gone or has another size'):format(backup.key,
    backup.store)
end

---The backups that alone bring a database back, or all when none does.
local function usable(found)
  local out = {}
  for _, backup in ipairs(found) do
    if backup.complete then out[#out + 1] = backup end
  end
  if #out > 0 or #found == 0 then return out end
  log.warn('no backup holds both tables and rows: taking one with a part of it')
  return found
end

---What cannot be read might be the newest: that must not pass unseen, unless another store tells.
local function check_readable(list)
  local known, unread = {}, {}
  for _, store in ipairs(list) do
    local ok, found, problems = pcall(catalog.list, store)
    if not ok then failure.rethrow(found, '--store looks in one store only') end
    for _, backup in ipairs(found) do known[backup.key .. '.meta'] = true end
    for _, problem in ipairs(problems) do
      problem.store = store:url()
      unread[#unread + 1] = problem
    end
  end
  for _, problem in ipairs(unread) do
    if not known[problem.key] then
      failure.raise('corrupt', ('which backup is the newest cannot be told: %s in %s'):format(
        problem.message, problem.store), 'name a backup by its key, as `pgbak list` shows it')
    end
  end
end

-- A disk that is not mounted must not make an older backup pass for the newest unseen.
local function warn_of_missing(list)
  for _, store in ipairs(list) do
    local url = store:url()
    local path = url:match '^file://(/.*)' or not url:find '^%l[%w+.-]*:' and url
    if path and not sys.exists(path) then
      log.warn(("store '%s' does not exist: is its disk mounted? a newer backup may be there")
        :format(url))
    end
  end
end

---Those that are neither damaged nor quarantined. Says so of one that would be the newest.
local function without_doubted(found)
  local good, out, told = {}, {}, {}
  for _, backup in ipairs(found) do
    if backup.good then good[backup.id] = true end
  end
  for _, backup in ipairs(found) do
    if backup.good then
      out[#out + 1] = backup
    elseif #out == 0 and not told[backup.id] then
      log.warn(('%s; %s'):format(
        backup.quarantine and M.quarantined(backup) or M.damaged(backup),
        good[backup.id] and "taking another store's copy" or 'looking for an older one'))
      told[backup.id] = true
    end
  end
  return out
end

---The newest is what was asked for: it is taken, but not without a word when it is known not to
---come back.
local function warn_of_failed(chosen, found)
  local failed, proven = false, nil
  for _, backup in ipairs(found) do
    failed = failed or backup.id == chosen.id and backup.verify_failed_at ~= nil
    if backup.verified and not proven then proven = backup end
  end
  if failed and (not proven or proven.id ~= chosen.id) then
    log.warn(('%s FAILED its verification; %s'):format(chosen.key,
      proven and 'the newest verified one is ' .. proven.key or 'no older one is verified'))
  end
end

local function started_before(found, time)
  local out = {}
  for _, backup in ipairs(found) do
    if not time or backup.time < time then out[#out + 1] = backup end
  end
  return out
end

local function check_one_database(found)
  local first = found[1]
  for _, each in ipairs(found) do
    if each.database ~= first.database then
      failure.raise('config', ("the newest backup of '%s' or of '%s'?"):format(first.database,
        each.database), 'name one: --database ' .. first.database)
    elseif each.cluster ~= first.cluster then
      failure.raise('config', ("there are backups of two databases '%s', on clusters %s and %s")
        :format(first.database, first.cluster, each.cluster), 'name a backup by its key')
    end
  end
end

---The newest backup that matches. A damaged or quarantined one is none, with a warning.
---@param opts { from: pgbak.StoreSpec|pgbak.StoreSpec[], database?: string, type?: string,
---  before?: integer }
---@param list fun(opts: table): pgbak.Backup[] pgbak.list
---@return pgbak.Backup
function M.find(opts, list)
  local opened = stores.open(opts.from)
  check_readable(opened)
  if #opened > 1 then warn_of_missing(opened) end
  local all = started_before(list {
    from = opts.from, database = opts.database, type = opts.type,
  }, opts.before)
  local found = without_doubted(all)
  if #found == 0 then
    local what = (#all > 0 and 'good ' or '') .. (opts.type and opts.type .. ' ' or '') .. 'backup'
      .. (opts.database and (" of '%s'"):format(opts.database) or '')
      .. (opts.before and ' before ' .. clock.format(opts.before) or '')
    failure.raise('not_found', ('there is no %s'):format(what), '`pgbak list` shows what there is')
  end
  check_one_database(found)
  local chosen = usable(found)[1]
  warn_of_failed(chosen, found)
  return chosen
end

return M
