-- Retention by number: so many backups of each type, however old they are. Other types stay for
-- ever.
local r = require 'pgbak.retention'

return r.by_type {
  hourly = r.last(24),
  daily = r.last(7),
  weekly = r.last(4),
  monthly = r.last(12),
  yearly = r.last(5),
}
