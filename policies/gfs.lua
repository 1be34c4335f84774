-- Retention, grandfather-father-son: whatever the types of backups, the newest one of each of the
-- last 7 days, 4 weeks, 12 months and 5 years that have one. One daily job is enough for it.
local r = require 'pgbak.retention'

return r.buckets {
  daily = 7,
  weekly = 4,
  monthly = 12,
  yearly = 5,
  timezone = 'UTC', -- or the zone where your days begin, such as 'Europe/London'
}
