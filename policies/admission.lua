-- Admission: which new backups are doubted, compared with the last good one of the same database.
-- What is quarantined is stored, fails the run, and counts for nothing until `pgbak admit KEY`.
-- docs/admission.md has all rules. Your own is a function(new, last) that returns nothing, or
-- { quarantine = 'why' }, or { refuse = 'why' }.
local a = require 'pgbak.admission'

return a.all {
  a.shrank('50%', { above = '1MiB' }):quarantine(),
  a.no_rows():quarantine(),
  a.lost_tables():quarantine(),
}
