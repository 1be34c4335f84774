-- Checks of a restored backup, for `pgbak verify`. Each compares the restored database with what
-- was recorded of its source when the backup was made. docs/checks.md has all of them.
local check = require 'pgbak.check'

return function(manifest) -- luacheck: no unused args
  return {
    check.migration_version(),
    check.migration_clean(),
    check.tables(),
    check.enums(),
    check.indexes(),
    check.foreign_keys(),
    check.row_counts(),
    check.http(), -- only with `verify = { http = 'http://…' }`, else skipped
    check.orphans(),
    check.extensions(),
    check.sequences(),
    check.large_objects(),
    check.encoding(),

    -- Your own, a line each:
    --
    -- check.sql('select max(created_at) from orders'):within('26h'), -- of the backup's start
    -- check.sql('select count(*) from orders where total < 0'):equals(0),
    -- check.sql("select 1 from users where role = 'admin'"):returns_rows(),
    -- check.rows('orders'):near(manifest, '5%'),
    -- check.amcheck(), -- every index holds every row; takes a while on large databases
    -- check.custom('invoices add up', function(query)
    --   local row = query('select sum(total) - sum(paid) - sum(due) as off from invoices')[1]
    --   return row.off == '0', 'they are off by ' .. row.off
    -- end),
  }
end
