-- Retention: how many backups of each type stay, per database and store. Types not named here stay
-- for ever, and so does the newest good backup, whatever this file says. docs/retention.md has all
-- rules; gfs.lua, age_by_type.lua, count_by_type.lua and dual.lua beside this file are others.
local r = require 'pgbak.retention'

return r.by_type {
  daily = r.last(7),
  weekly = r.last(4),
  monthly = r.last(12),
  manual = r.forever(),
}
