-- Command lines of scripts.
local check = require('pgbak.sys').load 'tests/support/check.lua'()
local args = require 'pgbak.args'

local usage = {
  name = 'demo', doc = 'Shows.', examples = { 'pgbak demo x' },
  options = {
    { name = 'key', positional = true, doc = 'what' },
    { name = 'type', doc = 'of what', default = 'manual' },
    { name = 'codec', choices = { 'gzip', 'zstd' }, doc = 'how' },
    { name = 'level', type = 'integer', doc = 'how much' },
    { name = 'dry-run', type = 'flag', doc = 'only show' },
    { name = 'database', type = 'list', value = 'NAME', doc = 'which' },
  },
}

local function parse(...) return args.parse({ ... }, usage) end
local function complains(message, ...) check.raises('config', message, parse, ...) end

check.equal(parse(), { type = 'manual' })
check.equal(parse('k', '--type', 'daily', '--level=9', '--dry-run', '--database', 'a',
  '--database=b'),
  { key = 'k', type = 'daily', level = 9, dry_run = true, database = { 'a', 'b' } })
check.equal(parse('--type=', '--', '--odd'), { key = '--odd', type = '' })
check.equal(parse('--type=a=b').type, 'a=b')
check.equal(parse('-').key, '-')

complains("unknown option '--typ' (did you mean '--type'? see `pgbak demo --help`)", '--typ', 'x')
complains("unknown option '--zzzzzz' (see `pgbak demo --help`)", '--zzzzzz')
complains("unknown option '-t'", '-t')
complains("unknown option '--key'", '--key', 'x')
complains("option '--type' needs a value", '--type')
complains("option '--type' needs a value", '--type', '--dry-run')
complains("option '--dry-run' takes no value", '--dry-run=yes')
complains("--level LEVEL must be an integer, not 'x'", '--level', 'x')
complains("--level LEVEL must be an integer, not '1.5'", '--level', '1.5')
complains("--codec cannot be 'gzp' (did you mean 'gzip'?", '--codec', 'gzp')
complains("unexpected argument 'two'", 'one', 'two')
check.raises('config', '--to TO is missing', args.parse, {},
  { name = 'x', doc = '', options = { { name = 'to', required = true, doc = '' } } })

-- Help wins over every mistake, and ends the script.
check.equal(parse('--help'), nil)
check.equal(parse('--wrong', '-h'), nil)
local help = args.help(usage)
for _, line in ipairs { 'Usage: pgbak demo [OPTIONS] [KEY]',
  '--type TYPE      of what (default manual)',
  '--codec CODEC    how: gzip, zstd', '--database NAME  which; may be repeated',
  '--help           show this and end', 'pgbak demo x' } do
  check.equal(help:find(line, 1, true) ~= nil and line or help, line)
end

check.done()
