-- The restore commands of manifests: stock tools only, safe for any file name.
local check = require('pgbak.sys').load 'tests/support/check.lua'()
local codecs = require 'pgbak.codecs'
local recipe = require 'pgbak.recipe'

check.equal(recipe.lines('shop/s.sql.gz', 'plain', 'gzip'), {
  'sha256sum -c s.sql.gz.sha256',
  'createdb -T template0 NEW_DATABASE',
  'gunzip -c s.sql.gz | psql -X -v ON_ERROR_STOP=1 -d NEW_DATABASE',
})
check.equal(recipe.lines('s.sql.zst', 'plain', 'zstd')[3],
  'zstd -dc s.sql.zst | psql -X -v ON_ERROR_STOP=1 -d NEW_DATABASE')
check.equal(recipe.lines('s.sql', 'plain', 'none')[3],
  'psql -X -v ON_ERROR_STOP=1 -d NEW_DATABASE < s.sql')
check.equal(recipe.lines('s.dump.gz', 'custom', 'gzip')[3],
  'gunzip -c s.dump.gz | pg_restore --exit-on-error -d NEW_DATABASE')
check.equal(recipe.lines('s.dump', 'custom', 'none')[3],
  'pg_restore --exit-on-error -d NEW_DATABASE < s.dump')
check.equal(recipe.lines("a/it's $(me).gz", 'plain', 'gzip')[1],
  [[sha256sum -c 'it'\''s $(me).gz.sha256']])
check.equal(recipe.lines('a/-c.gz', 'plain', 'gzip')[3]:match '^[^|]+', "gunzip -c ./-c.gz ")
check.equal(recipe.lines('a/-c.gz', 'plain', 'gzip')[1], 'sha256sum -c ./-c.gz.sha256')

check.equal(codecs.extension('plain', 'gzip'), 'sql.gz')
check.equal(codecs.extension('plain', 'zstd'), 'sql.zst')
check.equal(codecs.extension('plain', 'none'), 'sql')
check.equal(codecs.extension('custom', 'gzip'), 'dump.gz')
check.equal(codecs.extension('custom', 'none'), 'dump')
check.raises('config', "unknown codec 'lz4'", codecs.decoders, 'lz4')

check.done()
