-- Naming: the key of a backup, a relative path. What it may be:
--
--   return naming.tiered                    shop/shop_daily_20260921T020000Z.sql.gz
--   return naming.by_type_folder            daily/shop_20260921T020000Z.sql.gz
--   return naming.dated_prefix 'backups/'   backups/shop-20260921.gz
--   return naming.template '{app}/{environment}/{database}_{timestamp}.{extension}'
--   return naming.template('{database}/{date}_{HH}.{extension}', { timezone = 'Europe/London' })
--
--   return function(facts)                  -- or your own; docs/naming.md has all facts
--     return ('%s/%s.%s'):format(naming.safe(facts.database), naming.stamp(facts.time),
--       facts.extension)
--   end
--
-- A name that is not new, such as the second of a day, is refused, or replaces the older backup if
-- pgbak.lua says overwrite = true. Retention goes by manifests, not by names.
local naming = require 'pgbak.naming'

return naming.tiered
