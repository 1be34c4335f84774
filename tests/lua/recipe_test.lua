-- The restore commands of manifests: stock tools only, safe for any file name.
local sys = require 'pgbak.sys'
local check = sys.load 'tests/support/check.lua'()
local codecs = require 'pgbak.codecs'
local recipe = require 'pgbak.recipe'
local runbook = require 'pgbak.runbook'

check.equal(recipe.lines('shop/s.sql.gz', 'plain', 'gzip'), {
  'sha256sum -c s.sql.gz.sha256',
  'createdb -T template0 NEW_DATABASE',
  'gunzip -c s.sql.gz | psql -X -1 -v ON_ERROR_STOP=1 -d NEW_DATABASE',
})
check.equal(recipe.lines('s.sql.zst', 'plain', 'zstd')[3],
  'zstd -dc s.sql.zst | psql -X -1 -v ON_ERROR_STOP=1 -d NEW_DATABASE')
check.equal(recipe.lines('s.sql', 'plain', 'none')[3],
  'psql -X -1 -v ON_ERROR_STOP=1 -d NEW_DATABASE < s.sql')
check.equal(recipe.lines('s.dump.gz', 'custom', 'gzip')[3],
  'gunzip -c s.dump.gz | pg_restore --exit-on-error -d NEW_DATABASE')
check.equal(recipe.lines('s.dump', 'custom', 'none')[3],
  'pg_restore --exit-on-error -d NEW_DATABASE < s.dump')
check.equal(recipe.lines("a/it's $(me).gz", 'plain', 'gzip')[1],
  [[sha256sum -c 'it'\''s $(me).gz.sha256']])
check.equal(recipe.lines('a/-c.gz', 'plain', 'gzip')[3]:match '^[^|]+', "gunzip -c ./-c.gz ")
check.equal(recipe.lines('a/-c.gz', 'plain', 'gzip')[1], 'sha256sum -c ./-c.gz.sha256')

-- A database like the source; roles before it, where they were saved.
local source = { encoding = 'UTF8', collate = 'de_DE.UTF-8', ctype = 'de_DE.UTF-8',
  locale_provider = 'libc' }
check.equal(recipe.lines('a/s.sql', 'plain', 'none', source, 'a/s.sql.globals.sql'), {
  'sha256sum -c s.sql.sha256',
  'psql -X -d postgres -f s.sql.globals.sql',
  'createdb -T template0 -E UTF8 --locale=de_DE.UTF-8 NEW_DATABASE',
  'psql -X -1 -v ON_ERROR_STOP=1 -d NEW_DATABASE < s.sql',
})
check.equal(recipe.createdb { encoding = 'UTF8', collate = 'C', ctype = 'en_US.UTF-8',
  locale_provider = 'icu', icu_locale = 'de@x y' },
  'createdb -T template0 -E UTF8 --lc-collate=C --lc-ctype=en_US.UTF-8 --locale-provider=icu '
    .. "--icu-locale='de@x y' NEW_DATABASE")

-- The runbook fetches from the store, and says what the largest tables held.
local backup = {
  key = 'a/s.dump.zst', database = 'a', time = 0, stored_bytes = 1024, raw_bytes = 2048,
  store = 's3://bucket/prefix?endpoint=http://s3.example:9000', format = 'custom', codec = 'zstd',
  server_version = '15.20', tool_version = '15.20', globals = { key = 'a/s.dump.zst.globals.sql' },
  fingerprint = { encoding = 'UTF8', tables = {
    { schema = 'public', name = 'few', kind = 'table', rows = 3, exact = true },
    { schema = 'S "1"', name = "it's", kind = 'table', rows = 70, exact = true },
    { schema = 'public', name = 'guessed', kind = 'table', rows = 1000, exact = false },
    { schema = 'public', name = 'parted', kind = 'partitioned' } } },
}
local text = runbook.text(backup)
for _, line in ipairs {
  'aws s3 cp --endpoint-url http://s3.example:9000 s3://bucket/prefix/a/s.dump.zst .',
  'aws s3 cp --endpoint-url http://s3.example:9000 s3://bucket/prefix/a/s.dump.zst.globals.sql .',
  'psql -X -d postgres -f s.dump.zst.globals.sql',
  'zstd -dc s.dump.zst | pg_restore --exit-on-error -d NEW_DATABASE',
  [[psql -X -At -d NEW_DATABASE -c 'select count(*) from "S ""1"""."it'\''s"'  # 70]],
} do
  check.equal({ line, text:find(line, 1, true) ~= nil }, { line, true })
end
check.equal(text:find('guessed', 1, true), nil)
backup.store, backup.globals, backup.fingerprint = 'file:///srv/our backups', nil, nil
text = runbook.text(backup)
check.equal(text:find("\ncd '/srv/our backups/a'\n", 1, true) ~= nil, true)
check.equal(text:find('roles', 1, true), nil)
check.equal(text:find('\nset -euo pipefail', 1, true) ~= nil, true)
backup.store, backup.key = './shelf/../shelf', 's.dump.zst'
check.equal(runbook.text(backup):match '\ncd (/[^\n]*)\n' , sys.absolute 'shelf')
backup.globals = { problem = 'permission denied' }
check.equal(runbook.text(backup):find('make them yourself', 1, true) ~= nil, true)
backup.globals = nil

-- Names are anybody's: none becomes a line of the script, none moves a cursor.
backup.database, backup.tool_version = 'a\ntouch pwned\n', '15\ntouch pwned'
backup.fingerprint = { tables = {
  { schema = 'public', name = 'a\27[2Jb\ntouch pwned', kind = 'table', rows = 9, exact = true } } }
text = runbook.text(backup)
check.equal({ text:find('\ntouch', 1, true), text:find('\27', 1, true) }, {})

check.equal(codecs.extension('plain', 'gzip'), 'sql.gz')
check.equal(codecs.extension('plain', 'zstd'), 'sql.zst')
check.equal(codecs.extension('plain', 'none'), 'sql')
check.equal(codecs.extension('custom', 'gzip'), 'dump.gz')
check.equal(codecs.extension('custom', 'none'), 'dump')
check.raises('config', "unknown codec 'lz4'", codecs.decoders, 'lz4')

check.done()
