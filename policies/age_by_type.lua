-- Retention by age: daily backups stay for 7 days, weekly ones for 4 weeks, monthly ones for 12
-- months. Age counts back from the newest backup of the type, so nothing ages away while no new
-- ones come. Other types stay for ever.
local r = require 'pgbak.retention'

return r.by_type {
  daily = r.within('7d'),
  weekly = r.within('4w'),
  monthly = r.within('12m'),
}
