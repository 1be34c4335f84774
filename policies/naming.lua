-- Naming: the key of a backup, a relative path. To change it, return a function of your own:
--
--   return function(facts)   -- base, database, type, time, extension
--     return ('%s/%s.%s'):format(naming.safe(facts.database), naming.stamp(facts.time),
--       facts.extension)
--   end
--
-- Put the time in, since no backup is ever overwritten; retention goes by manifests, not by names.
local naming = require 'pgbak.naming'

return naming.tiered
