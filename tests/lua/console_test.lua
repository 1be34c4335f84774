-- Text for people.
local check = require('pgbak.sys').load 'tests/support/check.lua'()
local console = require 'pgbak.console'
local units = require 'pgbak.units'

for bytes, text in pairs {
  [0] = '0 B', [1023] = '1023 B', [1024] = '1.0 KiB', [1.5 * units.mib] = '1.5 MiB',
  [units.mib - 1] = '1.0 MiB', [10 * units.gib] = '10.0 GiB', [2 ^ 52] = '4.0 PiB',
  [2 ^ 62] = '4096.0 PiB',
} do
  check.equal(console.size(bytes), text)
end
for seconds, text in pairs {
  [0] = '0.0 s', [0.84] = '0.8 s', [9.96] = '10 s', [59.4] = '59 s', [59.6] = '1 min 00 s',
  [185] = '3 min 05 s', [2 * units.hour + 7 * units.minute] = '2 h 07 min',
  [3 * units.day + 4 * units.hour] = '3 d 04 h',
} do
  check.equal(console.duration(seconds), text)
end
check.equal(console.rate(120 * units.mib, 2), '60.0 MiB/s')
check.equal(console.rate(10, 0), '9.8 KiB/s')
check.equal(console.time(1789956000), '2026-09-21 02:00:00')

-- Columns line up, by characters rather than bytes; nothing can move the cursor.
check.equal(console.table({ { title = 'NAME' }, { title = 'SIZE', right = true }, { title = 'K' } },
  { { 'größe', '1 B', 'x' }, { 'a', '10 KiB', 'y' } }),
  'NAME     SIZE  K\ngröße     1 B  x\na      10 KiB  y\n')
check.equal(console.table({ { title = 'T' } }, { { 'a\27[2Jb\nc' } }), 'T\na?[2Jb?c\n')
check.equal(console.table({ { title = 'T' } }, {}), 'T\n')
-- Colours are for terminals, and count for no column.
check.equal(console.table({ { title = 'T', styles = { no = 'red' } }, { title = 'U' } },
  { { 'no', 'x' }, { 'yes', 'y' } }), 'T    U\nno   x\nyes  y\n')

-- ctest's stdout is no terminal.
check.equal(console.styled('x', 'red'), 'x')

check.done()
