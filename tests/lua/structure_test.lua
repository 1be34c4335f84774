-- The structure check against fingerprints and manifests, with dumps made up here.
local sys = require 'pgbak.sys'
local check = sys.load 'tests/support/check.lua'()
local catalog = require 'pgbak.catalog'
local codec = require 'pgbak.codec'
local codecs = require 'pgbak.codecs'
local digest = require 'pgbak.digest'
local run = require 'pgbak.run'
local store = require 'pgbak.store'
local stream = require 'pgbak.stream'
local structure = require 'pgbak.structure'

local function table_of(name, rows) return { schema = 'public', name = name, rows = rows } end
local function promised(name, rows, kind)
  return { schema = 'public', name = name, rows = rows, exact = rows ~= nil,
    kind = kind or 'table' }
end
local function source(...)
  return { version = 1, scope = 'all', snapshot = true, large_objects = 0, tables = { ... } }
end

-- What a fingerprint promises, and what it does not.
local two = { tables = { table_of('b', 2), table_of('a', 1) } }
local function differences(facts, fingerprint)
  return table.concat(structure.differences(facts, fingerprint), ' | ')
end
check.equal(differences(two, source(promised('a', 1), promised('b', 2))), '')
check.equal(differences(two, source(promised('a', 1), promised('b', 2),
  promised('parts', nil, 'partitioned'), promised('seen', 3, 'matview'))), '')
check.equal(differences(two, nil), '')
check.equal(differences(two, { version = 1, problem = 'no connection' }), '')
local part = source(promised 'gone')
part.scope = 'part'
check.equal(differences(two, part), '')
check.equal(differences(two, source(promised('a', 1), promised('b', 5))),
  "wrong number of rows: 'public.b: 2 rows instead of 5'")
check.equal(differences(two, source(promised('a', 1), promised 'b')), '') -- an estimate, or nothing
check.equal(differences(two, source(promised('a', 1))),
  'the dump has the data of 2 tables, its source had 1')
check.equal(differences(two, source(promised('a', 1), promised('c', 2))),
  "the dump has no data of 'public.c'")
check.equal(differences({ tables = {} }, source(promised 'a', promised 'b', promised 'c',
  promised 'd', promised 'e')), 'the dump has the data of 0 tables, its source had 5 | '
  .. "the dump has no data of 'public.a', 'public.b', 'public.c' and 2 more")
-- Custom: rows are not known, large objects are.
local custom = { large_objects = 1, tables = { table_of 'a' } }
check.equal(differences(custom, source(promised('a', 7))),
  'the dump has 1 large objects, its source had 0')
-- Names in another encoding cannot be compared; their number can.
check.equal(differences({ tables = { table_of 'caf\239\191\189' } }, source(promised 'café')), '')

-- A backup in a store, against its manifest.
local path = sys.private_directory('/tmp', 'pgbak-structure-test') .. '/dump'
local function write(text)
  local file = assert(io.open(path, 'wb'))
  file:write(text)
  file:close()
end
local HEAD = '--\n-- PostgreSQL database dump\n--\n\n\\restrict k\n\n'
  .. '-- Dumped from database version 16.1\n-- Dumped by pg_dump version 17.6\n\n'
local ROWS = 'COPY public.a (x) FROM stdin;\n1\n\\.\n'
local END = '--\n-- PostgreSQL database dump complete\n--\n\n\\unrestrict k\n\n'

local shelf = store.open 'memory:structure'
local function publish(key, text, facts)
  write(text)
  stream.run {
    from = stream.file(path), through = { codec.zstd(), digest.sha256() },
    to = { shelf:writer(key) }, label = key,
  }
  local manifest = {
    database = 'shop', cluster = 'c1', type = 'daily', format = 'plain', codec = 'zstd',
    server_version = '16.1', tool_version = '17.6', naming = 'custom', restore = { 'cat it' },
  }
  for name, value in pairs(facts or {}) do manifest[name] = value end
  return catalog.publish(shelf, key, manifest)
end

local good = publish('good', HEAD .. ROWS .. END, { fingerprint = source(promised('a', 1)) })
local found = structure.check(good, shelf)
check.equal({ found.bytes, found.raw_bytes, found.copy_blocks, found.restrict, found.dumped_from,
  found.dumped_by, found.notes, found.tables }, { good.stored_bytes, good.raw_bytes, 1, true,
  '16.1', '17.6', {}, { table_of('a', 1) } })
-- As a list gives it, without the fingerprint.
good.fingerprint = nil
check.equal(structure.check(good, shelf).notes, {})
check.equal(structure.head(good, shelf).restrict, true)
check.equal(structure.head(good, shelf).dumped_by, '17.6')

local function fails(part_of, ...)
  local count = #run.entries()
  check.raises('corrupt', part_of, ...)
  for i = count + 1, #run.entries() do
    local entry = run.entries()[i]
    if entry.state == 'failed' then run.acknowledge(entry.kind, entry.object, 'meant by this') end
  end
end
local less = publish('less', HEAD .. ROWS .. END, { fingerprint = source(promised('a', 2)) })
fails('less: wrong number of rows', structure.check, less, shelf)
local apart = source(promised('a', 2))
apart.snapshot = false
local later = publish('later', HEAD .. ROWS .. END, { fingerprint = apart })
check.equal(#structure.check(later, shelf).notes, 1)
check.equal(structure.check(publish('bare', HEAD .. ROWS .. END), shelf).notes,
  { 'no fingerprint of the source to compare with' })
local cut = publish('cut', HEAD .. ROWS, { fingerprint = source(promised('a', 1)) })
fails('cut in memory:structure: the dump is cut short', structure.check, cut, shelf)
good.sha256 = ('0'):rep(64)
fails('sha256 of the data is', structure.check, good, shelf)
good.encryption = 'age'
check.raises('config', 'is encrypted', structure.check, good, shelf)
check.raises('config', 'is encrypted', structure.head, good, shelf)

-- A file tells by itself what it is.
write(HEAD .. ROWS .. END)
check.equal({ codecs.of_file(path), structure.of_file(path).tables }, { 'none',
  { table_of('a', 1) } })
write '\31\139\8 and more'
check.equal(codecs.of_file(path), 'gzip')
write ''
check.equal(codecs.of_file(path), 'none')
fails('the dump is empty', structure.of_file, path)
check.raises('not_found', 'gone', structure.of_file, path .. '.gone')

check.done()
