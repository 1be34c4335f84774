-- Shipped Lua runs in LuaJIT and uses no globals of its own.
std = 'luajit'
max_line_length = 100
exclude_files = {
  'build/**',
  'scripts/meta/**', -- generated annotations for editors
}
-- Policies decide and do nothing else: their environment lacks these.
files['policies'] = { not_globals = { 'io', 'debug', 'jit', 'package', 'dofile', 'loadfile' } }
-- What every script sees is made here, by taking away globals and replacing others.
files['bindings/bootstrap.lua'] = { ignore = { '111', '121', '122' } }
files['scripts/pgbak/rehearsal_inside.lua'] = { ignore = { '121', '122' } }
-- What `pgbak test` gives to specs without require (docs/testing.md).
files['**/*_spec.lua'] = {
  read_globals = {
    'describe', 'it', 'before_each', 'after_each', 'expect', 'policy', 'backups', 'merged', 'decide',
    'ids', 'rehearsal',
  },
}
