-- Command lines of scripts.
local check = require('pgbak.sys').load 'tests/support/check.lua'()
local args = require 'pgbak.args'
local units = require 'pgbak.units'

local usage = {
  name = 'demo', doc = 'Shows.', examples = { 'pgbak demo x' },
  options = {
    { name = 'key', positional = true, doc = 'what' },
    { name = 'type', doc = 'of what', default = 'manual' },
    { name = 'codec', choices = { 'gzip', 'zstd' }, doc = 'how' },
    { name = 'level', type = 'integer', min = 1, doc = 'how much' },
    { name = 'dry-run', type = 'flag', doc = 'only show' },
    { name = 'database', type = 'list', value = 'NAME', doc = 'which' },
    { name = 'age', type = 'duration', doc = 'how old', default = '1d' },
    { name = 'now', type = 'time', value = 'TIME', doc = 'as if' },
  },
}

local function parse(...) return args.parse({ ... }, usage) end
local function complains(message, ...) check.raises('config', message, parse, ...) end

check.equal(parse(), { type = 'manual', age = 86400 })
check.equal(parse('k', '--type', 'daily', '--level=9', '--dry-run', '--database', 'a',
  '--database=b', '--age', '90m'),
  { age = 5400, key = 'k', type = 'daily', level = 9, dry_run = true, database = { 'a', 'b' } })
check.equal(parse('--type=', '--age=0s', '--', '--odd'), { key = '--odd', type = '', age = 0 })
check.equal(parse('--type=a=b').type, 'a=b')
check.equal(parse('-').key, '-')
check.equal(parse('--now', '1970-01-01T01:00:00+00:30').now, 1800)

complains("unknown option '--typ' (did you mean '--type'? see `pgbak demo --help`)", '--typ', 'x')
complains("unknown option '--zzzzzz' (see `pgbak demo --help`)", '--zzzzzz')
complains("unknown option '-t'", '-t')
complains("unknown option '--key'", '--key', 'x')
complains("option '--type' needs a value", '--type')
complains("option '--type' needs a value", '--type', '--dry-run')
complains("option '--dry-run' takes no value", '--dry-run=yes')
complains("--level LEVEL must be an integer, not 'x'", '--level', 'x')
complains("--level LEVEL must be an integer, not '1.5'", '--level', '1.5')
complains('--level LEVEL must be at least 1, not 0', '--level', '0')
complains("--codec cannot be 'gzp' (did you mean 'gzip'?", '--codec', 'gzp')
complains("unexpected argument 'two'", 'one', 'two')
complains("--age AGE must be a duration such as 90m, 24h or 7d, not '90'", '--age', '90')
complains("--now TIME must be a time such as 2026-09-21T02:00:00Z, not 'noon'", '--now', 'noon')
check.raises('config', '--to TO is missing', args.parse, {},
  { name = 'x', doc = '', options = { { name = 'to', required = true, doc = '' } } })

-- Positional arguments in any number, after those that come once.
local several = { name = 'several', doc = '', options = {
  { name = 'first', positional = true, doc = '' },
  { name = 'key', positional = true, type = 'list', doc = '' },
} }
check.equal(args.parse({ 'a', 'b', 'c' }, several), { first = 'a', key = { 'b', 'c' } })
check.equal(args.parse({}, several), {})
check.equal(args.help(several):match '[^\n]+', 'Usage: pgbak several [OPTIONS] [FIRST] [KEY]...')

-- Durations.
for text, seconds in pairs { ['0s'] = 0, ['90m'] = 5400, ['24h'] = 86400, ['7d'] = 604800,
  ['2w'] = 1209600, ['007s'] = 7 } do
  check.equal({ text, units.duration(text) }, { text, seconds })
end
for _, text in ipairs { '', 'h', '5', '-1h', '1.5h', '1h ', '1H', '1h30m', '1y', '9999999999s' } do
  check.equal({ text, units.duration(text) }, { text })
end

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

-- No line of an option is longer than 80 columns, and no word is lost.
local long = args.help { name = 'x', doc = '', options = {
  { name = 'tables', type = 'list', doc = ('word '):rep(30) .. 'end' } } }
for line in long:gmatch '[^\n]+' do check.equal(#line <= 80 or line, true) end
check.equal(select(2, long:gsub('word', '')), 30)
check.equal(long:find('\n                   word', 1, true) ~= nil, true)
check.equal(long:find('end; may be repeated', 1, true) ~= nil, true)

check.done()
