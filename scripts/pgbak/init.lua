-- pgbak's face for scripts: `local pgbak = require 'pgbak'`. What a function needs is loaded when
-- it is first called, so that a small script starts fast.
local M = {}

---The configuration: pgbak.lua beside you, or environment variables alone.
---@param flags? table<string, any> settings that win over both
---@param opts? { databases_optional: boolean }
---@return pgbak.Config
function M.config(flags, opts) return require('pgbak.config').load(flags, opts) end

---Reads a script's arguments; returns nothing after --help.
---@param argv string[]
---@param usage pgbak.Usage
---@return table<string, any>?
function M.args(argv, usage) return require('pgbak.args').parse(argv, usage) end

---Calls fn for every item. One failing does not stop the others; the run still fails.
---@param list any[]
---@param fn fun(item: any)
function M.each(list, fn) return require('pgbak.attempt').each(list, fn) end

---Calls a function and returns its result, or nil and its error.
---@param fn function
---@param ... any
---@return any result
---@return any err
function M.try(fn, ...) return require('pgbak.attempt').try(fn, ...) end

---Raises a failure that scripts and people can tell by its kind (docs/errors.md).
---@param kind string
---@param message string
---@param hint? string
function M.fail(kind, message, hint) return require('pgbak.failure').raise(kind, message, hint) end

---Backs a database up into all stores; a required one that fails fails the run.
---@param db pgbak.Database
---@param opts pgbak.BackupOptions
---@return table[] manifests
function M.backup(db, opts) return require('pgbak.backup').run(db, opts) end

---Deletes the backups of a database that the retention policy does not keep.
---@param db pgbak.Database
---@param opts pgbak.PruneRequest
---@return pgbak.Planned[]
function M.prune(db, opts) return require('pgbak.prune').run(db, opts) end

---Lists backups, newest first.
---@param opts { from: pgbak.StoreSpec|pgbak.StoreSpec[], database?: string, cluster?: string,
---  type?: string }
---@return pgbak.Backup[]
function M.list(opts) return require('pgbak.backups').list(opts) end

---Finds one backup: by its key, or the newest that matches and started before a time.
---@param opts { from: pgbak.StoreSpec|pgbak.StoreSpec[], key?: string, database?: string,
---  type?: string, before?: integer }
---@return pgbak.Backup
function M.find(opts) return require('pgbak.backups').find(opts) end

---Restores a backup into a database.
---@param backup pgbak.Backup
---@param opts pgbak.RestoreOptions
---@return pgbak.Restored
function M.restore(backup, opts) return require('pgbak.restore').run(backup, opts) end

---Verifies a backup: restores it into a throwaway PostgreSQL, runs the checks there, and records
---the result beside it. Raises when it did not pass, or could not be tried.
---@param backup pgbak.Backup
---@param opts pgbak.VerifyOptions
---@return table record
function M.verify(backup, opts) return require('pgbak.verify').run(backup, opts) end

return M
