-- The configuration: precedence, origins, and complaints that name the key and the file.
local sys = require 'pgbak.sys'
local check = sys.load 'tests/support/check.lua'()
local config = require 'pgbak.config'
local databases = require 'pgbak.databases'
local decision = require 'pgbak.decision'
local settings = require 'pgbak.settings'

-- An environment of the test's own: NAME_FILE holds the secret itself here.
local function environment(variables)
  variables = variables or {}
  return {
    env = function(name) return variables[name] end,
    secret_env = function(name) return variables[name] or variables[name .. '_FILE'] end,
  }
end

local function resolve(values, variables, flags)
  return config.resolve {
    flags = flags, env = environment(variables),
    file = values ~= nil and { path = 'my.lua', values = values } or nil,
  }
end

local function complains(message, values, variables, flags)
  check.raises('config', message, resolve, values, variables, flags)
end

-- Precedence: flags, file, environment, default; each with its origin.
local BOTH = { DATABASE_URL = 'postgresql://u@h/shop', BACKUP_COMPRESSION_LEVEL = '3',
  LOG_LEVEL = 'WARN' }
local c = resolve({ level = 4, codec = 'zstd' }, BOTH, { level = 5 })
check.equal({ c.given.level, c.origins.level }, { 5, '--level' })
check.equal({ c.given.codec, c.origins.codec }, { 'zstd', 'my.lua' })
check.equal({ c.log_level, c.origins.log_level }, { 'warn', 'LOG_LEVEL' })
check.equal(resolve({ log_level = 'warning' }, {}).log_level, 'warning')
check.equal({ c.given.format, c.origins.format }, { 'plain', 'default' })
check.equal({ c.databases[1].level, c.databases[1].codec }, { 5, 'zstd' })
check.equal(resolve({ level = 4 }, BOTH).databases[1].level, 4)
check.equal(resolve({}, BOTH).databases[1].level, 3)
check.equal(resolve(nil, { DATABASE_URL = 'shop' }).databases[1].level, nil)
check.equal(resolve(nil, {}).given.stores, { './backups' })

-- Words for yes and no; of a database's own setting and the environment's, its own counts.
for word, value in pairs { ['true'] = true, ['1'] = true, YES = true, ['false'] = false,
  ['0'] = false, No = false } do
  check.equal(resolve(nil, { BACKUP_OVERWRITE = word }).given.overwrite, value)
end
complains('environment variable BACKUP_OVERWRITE must be true or false, not a string', nil,
  { BACKUP_OVERWRITE = 'maybe' })
c = resolve({ databases = { { url = 'shop', overwrite = false, app = 'till' }, 'crm' } },
  { BACKUP_OVERWRITE = '1', BACKUP_APP = 'store', BACKUP_ENVIRONMENT = 'prod' })
check.equal({ c.databases[1].overwrite, c.databases[1].app, c.databases[1].environment },
  { false, 'till', 'prod' })
check.equal({ c.databases[2].overwrite, c.databases[2].app }, { true, 'store' })

-- Databases from the environment.
local function only_database(variables, values)
  local found = resolve(values, variables)
  check.equal(#found.databases, 1)
  local target = found.databases[1].target
  return ('%s %s@%s:%s'):format(found.databases[1].name, target:setting 'user',
    target:setting 'host', target:setting 'port'), found.origins.databases
end
local postgres = { POSTGRES_HOST = 'ph', POSTGRES_PORT = '6000', POSTGRES_USER = 'pu',
  POSTGRES_DB = 'pd', POSTGRES_PASSWORD_FILE = 'secret word' }
local shown, origin = only_database(postgres)
check.equal(shown, 'pd pu@ph:6000')
check.equal(origin, 'POSTGRES_*')
postgres.DATABASE_URL = 'postgresql://du@dh:7000/dd'
shown, origin = only_database(postgres)
check.equal(shown, 'dd du@dh:7000')
check.equal(origin, 'DATABASE_URL')
check.equal((only_database(postgres, { databases = { 'postgresql://fu@fh:8000/fd' } })),
  'fd fu@fh:8000')
check.equal(select(2, only_database { PGHOST = 'x', PGPASSWORD_FILE = 'pw' }), 'PG*')
check.equal(#resolve(nil, { PGPASSWORD = 'alone' }).databases, 0)

-- A password from a file travels beside the URL, which libpq alone takes apart.
local function entry(variables) return databases.from_environment(environment(variables))[1] end
check.equal(entry { DATABASE_URL = 'postgresql://u@h/d', PGPASSWORD_FILE = "p@ s'" },
  { url = 'postgresql://u@h/d', password = "p@ s'" })
check.equal(entry { DATABASE_URL = 'postgresql://u@h/d', PGPASSWORD = 'p' },
  { url = 'postgresql://u@h/d', password = 'p' })
check.equal(entry { POSTGRES_HOST = 'h', POSTGRES_PASSWORD = 'a', PGPASSWORD = 'b' },
  { host = 'h', password = 'a' })
check.equal(entry { POSTGRES_HOST = 'h', PGPASSWORD = 'b' }, { host = 'h', password = 'b' })

-- Several databases, each with options of its own.
c = resolve({
  codec = 'zstd', exclude_tables = { 'a' },
  databases = {
    'postgresql://h/one',
    { name = 'two', url = 'postgresql://h/zwei', codec = 'none', exclude_tables = { 'b' } },
    { host = 'h', dbname = 'three', password = 'x', format = 'custom' },
  },
})
check.equal({ c.databases[1].name, c.databases[2].name, c.databases[3].name },
  { 'one', 'two', 'three' })
check.equal({ c.databases[1].codec, c.databases[2].codec, c.databases[3].codec },
  { 'zstd', 'none', 'zstd' })
check.equal(c.databases[2].exclude_tables, { 'b' })
check.equal(c.databases[2].target:database(), 'zwei')
check.equal(resolve({ databases = c.given.databases }, {}, { codec = 'gzip' }).databases[2].codec,
  'gzip')

-- base_name: instead of the name, or before it, so that two databases never share a key.
check.equal(resolve({ databases = { 'a' } }, { BACKUP_BASE_NAME = 'site' }).databases[1].base,
  'site')
c = resolve({ databases = { 'a', 'b' }, base_name = 'site' })
check.equal({ c.databases[1].base, c.databases[2].base }, { 'site_a', 'site_b' })

-- Stores.
local function only_store(variables)
  local found = resolve(nil, variables)
  check.equal(#found.stores, 1)
  return found.stores[1].store:url(), found.origins.stores
end
check.equal({ only_store { BACKUP_DIR = '/x', DB_BACKUP_DIR = '/y' } }, { '/x', 'BACKUP_DIR' })
check.equal({ only_store { DB_BACKUP_DIR = '/y' } }, { '/y', 'DB_BACKUP_DIR' })
check.equal(#resolve({
  stores = { './stores/a', require('pgbak.store').open './stores/b' } }).stores, 2)
complains("store 'memory:a' would be gone with the process", { stores = { 'memory:a' } })
complains("store './stores/a' is given twice", { stores = { './stores/a', './stores/a' } })
complains('no store is configured', { stores = {} })

-- An S3 bucket from the environment. Only addresses and options are looked at here: nothing opens.
local function s3(variables)
  local given, from = require('pgbak.stores').from_environment(environment(variables))
  return given, from
end
for bucket, address in pairs {
  ['b'] = 's3://b/backups', ['s3://b'] = 's3://b/backups', ['s3://b/'] = 's3://b/backups',
  ['s3://b/deep/er/'] = 's3://b/deep/er', ['s3://b?region=eu'] = 's3://b/backups?region=eu',
  ['s3://b/p?endpoint=http://h:1/'] = 's3://b/p?endpoint=http://h:1/', ['b/p'] = 's3://b/p',
} do
  check.equal({ s3 { BACKUP_S3_BUCKET = bucket } }, { { { url = address } }, 'BACKUP_S3_BUCKET' })
end
for prefix, address in pairs { ['p'] = 's3://b/p', ['/p/q/'] = 's3://b/p/q', ['/'] = 's3://b' } do
  check.equal(s3 { BACKUP_S3_BUCKET = 'b', BACKUP_S3_PREFIX = prefix }, { { url = address } })
end
check.equal(s3 { BACKUP_S3_BUCKET = 's3://b/mine', BACKUP_S3_PREFIX = 'p' },
  { { url = 's3://b/mine' } })
check.equal({ s3 { S3_BACKUP_BUCKET = 'b', BACKUP_DIR = '/x', BACKUP_S3_ENDPOINT = 'http://h:1',
  BACKUP_S3_REGION = 'eu' } }, { { '/x', { url = 's3://b/backups', endpoint = 'http://h:1',
  region = 'eu' } }, 'BACKUP_DIR, S3_BACKUP_BUCKET' })
check.equal(s3 { BACKUP_S3_BUCKET = 'a', S3_BACKUP_BUCKET = 'b' }, { { url = 's3://a/backups' } })
check.equal({ s3 {} }, {})
-- Without a bucket the rest would be ignored, and backups would go to this machine's disk.
for _, name in ipairs { 'BACKUP_S3_PREFIX', 'BACKUP_S3_ENDPOINT', 'BACKUP_S3_REGION' } do
  complains(('environment variable %s is set, and no bucket is'):format(name), nil,
    { [name] = 'x', BACKUP_DIR = '/x' })
end

-- How backups reach their stores: a strategy, also under its other name, and per database.
local function strategy(values, variables)
  values.databases = values.databases or { 'a' }
  return resolve(values, variables).databases[1].strategy
end
check.equal(strategy {}, nil)
check.equal(strategy({}, { BACKUP_STRATEGY = 'file' }), 'file')
check.equal(strategy { use_temp_file = true }, 'file')
check.equal(strategy { use_temp_file = true, databases = { { url = 'a', strategy = 'stream' } } },
  'stream')
check.equal(strategy { strategy = 'file', databases = { { url = 'a', use_temp_file = false } } },
  'stream')
-- Whichever name it uses, pgbak.lua wins over the environment.
check.equal(strategy({ use_temp_file = false }, { BACKUP_STRATEGY = 'file' }), 'stream')
check.equal(strategy({ use_temp_file = true }, { BACKUP_STRATEGY = 'stream' }), 'file')
complains("strategy = 'stream' (my.lua) and use_temp_file = true (my.lua) exclude each other",
  { databases = { 'a' }, strategy = 'stream', use_temp_file = true })
complains("environment variable BACKUP_STRATEGY cannot be 'flie' (did you mean 'file'?)", nil,
  { BACKUP_STRATEGY = 'flie' })
complains('upload_attempts must be at least 1, not 0', { upload_attempts = 0 })

-- Retention: what is written, else the environment, else policies/retention.lua.
local function kept(found, kind, count)
  local list = {}
  for i = 1, count do list[i] = { id = tostring(i), type = kind, time = i } end
  return #found.retention(list, 0).keep
end
c = resolve(nil, { BACKUP_RETENTION_DAILY = '2', BACKUP_RETENTION_MONTHLY = 'forever' })
check.equal({ kept(c, 'daily', 20), kept(c, 'weekly', 20), kept(c, 'monthly', 20),
  kept(c, 'manual', 20) }, { 2, 4, 20, 20 })
check.equal(c.origins.retention, 'BACKUP_RETENTION_DAILY, BACKUP_RETENTION_MONTHLY')
check.equal(kept(resolve({ retention = { daily = 3 } }, { BACKUP_RETENTION_DAILY = '2' }), 'daily',
  20), 3)
c = resolve()
check.equal({ kept(c, 'daily', 20), kept(c, 'weekly', 20), kept(c, 'manual', 20) }, { 7, 4, 20 })
check.equal(decision.place(c.retention), 'policies/retention.lua')
check.equal(kept(resolve { retention = 'policies/retention.lua' }, 'daily', 20), 7)
complains('policies/missing.lua', { retention = 'policies/missing.lua' })
c = resolve { stores = { './a', { url = './b', retention = { daily = 2 } },
  { url = './c', retention = 'policies/retention.lua' } } }
check.equal({ c.stores[1].retention, kept(c.stores[2], 'daily', 20),
  kept(c.stores[3], 'daily', 20) }, { nil, 2, 7 })
check.equal(decision.place(c.stores[2].retention), 'my.lua: stores[2].retention')
check.equal(decision.place(c.stores[3].retention), 'policies/retention.lua')
complains('stores[1].retention.daily must be a positive integer',
  { stores = { { url = './a', retention = { daily = 0 } } } })
-- How many good ones stay at least.
check.equal({ resolve().min_keep, resolve(nil, { BACKUP_MIN_KEEP = '3' }).min_keep,
  resolve({ min_keep = 2 }, { BACKUP_MIN_KEEP = '3' }).min_keep }, { 1, 3, 2 })
complains('my.lua: min_keep must be at least 1, not 0', { min_keep = 0 })
complains('environment variable BACKUP_MIN_KEEP must be an integer', nil,
  { BACKUP_MIN_KEEP = 'all' })
for _, bad in ipairs { '0', '-1', 'x', '7d' } do
  complains(("environment variable BACKUP_RETENTION_DAILY must be a positive integer or "
    .. "'forever', not '%s'"):format(bad), nil, { BACKUP_RETENTION_DAILY = bad })
end
complains('BACKUP_RETENTION_WEEKLY must be a positive', nil, { BACKUP_RETENTION_WEEKLY = '1.5' })
complains("my.lua: retention.daily must be a positive integer", { retention = { daily = 0 } })

-- Unknown keys, at every level.
complains("my.lua: unknown key 'codc' (did you mean 'codec'?)", { codc = 'gzip' })
complains("my.lua: unknown key 'retentoin'", { retentoin = { daily = 1 } })
complains("unknown key 'databases[2].exclude_table' (did you mean 'exclude_tables'?)",
  { databases = { 'a', { url = 'b', exclude_table = {} } } })

-- Wrong types and values: key, what it must be, what it is; never the value of a text that may be
-- a secret.
complains('my.lua: level must be an integer, not a string', { level = '6' })
complains('my.lua: level must be an integer, not 1.5', { level = 1.5 })
complains('my.lua: stores must be', { stores = 7 })
complains('my.lua: tables[2] must be a string, not a boolean', { tables = { 'a', true } })
complains('my.lua: tables must be a list of strings, not a table', { tables = { a = 'b' } })
complains("my.lua: codec cannot be 'gzp' (did you mean 'gzip'?)", { codec = 'gzp' })
complains('databases[1].no_owner must be a boolean, not a string',
  { databases = { { url = 'a', no_owner = 'yes' } } })
complains('my.lua must return a table, not a string', 'x')
complains("environment variable BACKUP_COMPRESSION_LEVEL must be an integer, not a string", nil,
  { BACKUP_COMPRESSION_LEVEL = 'high' })
complains("environment variable LOG_LEVEL cannot be 'loud'", nil, { LOG_LEVEL = 'loud' })
complains('--level must be at most 19, not 99', nil, nil, { level = 99 })

-- What does not go together.
complains("my.lua: two databases are called 'shop'",
  { databases = { 'postgresql://a/shop', 'postgresql://b/shop' } })
complains('my.lua: databases[2]: the port of the connection settings is not a number',
  { databases = { 'a', 'port=x dbname=y' } })
complains("my.lua: databases[1]: url and 'host' exclude each other",
  { databases = { { url = 'a', host = 'b' } } })
complains('my.lua: databases[1]: nothing says where the database is',
  { databases = { { name = 'a' } } })
complains("compression = 'pg_dump' needs format = 'custom'",
  { databases = { 'a' }, compression = 'pg_dump' })
complains('schema_only and data_only', { databases = { 'a' }, schema_only = true,
  data_only = true })
complains('level for gzip must be at most 12, not 15', { databases = { 'a' }, level = 15 })
complains('level for zstd must be at least 1, not 0',
  { databases = { 'a' }, level = 0, codec = 'zstd' })

-- What `pgbak config` shows holds every setting and no password.
local secret = 'hunter2&more'
local text = {}
for _, row in ipairs(config.rows(resolve({
  databases = { { name = 'n', host = 'h', user = 'u', dbname = 'd', password = secret,
    codec = 'none' }, 'postgresql://u:hunter2@h2/e' },
  tags = { team = 'x' }, stores = { './backups', { url = './second', required = false } },
  verify = { server = 'postgresql://u@h/db?password=hunter2', http = 'http://h/x?key=hunter2' },
}))) do
  text[#text + 1] = ('%s=%s [%s]'):format(row.key, row.value, row.origin)
end
text = table.concat(text, '\n')
check.equal(text:find('hunter2', 1, true), nil)
for _, line in ipairs { 'databases[1].name=n [my.lua]', 'databases[1].target=d on h:5432 [my.lua]',
  'databases[1].codec=none [my.lua]', 'databases[2].target=e on h2:5432 [my.lua]',
  'stores=./backups, ./second (best effort) [my.lua]', 'strategy=stream [default]',
  'temp_dir=$TMPDIR or /tmp [default]', 'tags=team = x [my.lua]',
  'retention=policies/retention.lua [default]', 'http = http://h/x?…, server = ' } do
  check.equal(text:find(line, 1, true) ~= nil and line or text, line)
end
for _, setting in ipairs(settings.list) do
  check.equal(text:find(setting.name, 1, true) ~= nil and setting.name, setting.name)
  check.equal(settings.markdown():find('| `' .. setting.name .. '` |', 1, true) ~= nil, true)
end

-- Namings: a function, a template, the shipped one.
local FACTS = { base = 'b', database = 'shop', type = 'daily', time = 0, extension = 'sql.gz' }
check.equal(resolve({ naming = '{database}/{date}' }).naming(FACTS), 'shop/1970-01-01')
check.equal(resolve({ naming = function() return 'own' end }).naming(FACTS), 'own')
check.equal(resolve({}).naming(FACTS), 'b/b_daily_19700101T000000Z.sql.gz')
complains("my.lua: naming.template '{databse}': unknown placeholder '{databse}', did you mean "
  .. "'database'?", { naming = '{databse}' })
for named, hint in pairs { tiered = 'in policies/naming.lua: return naming.tiered',
  ['naming.by_type_folder'] = 'in policies/naming.lua: return naming.by_type_folder',
  ['policies/naming'] = "a file's path ends in .lua", ['%Y%m%d'] = "such as '{database}/" } do
  complains(("my.lua: the naming '%s' has no placeholder"):format(named), { naming = named })
  complains(hint, { naming = named })
end
complains("my.lua: naming must be a naming, a template such as", { naming = 7 })

-- What `pgbak init` writes is accepted as it is and with every example switched on, and shows every
-- setting.
local template = sys.read_file 'scripts/pgbak/template/pgbak.lua'
check.equal(assert(loadstring(template))(), {})
local live = template:gsub('\n(%s*)%-%- ([^\n]*)', function(indent, line)
  -- Sentences stay comments: an example is a piece of a table or the one `local`.
  local code = line:find '^[%w_]+ = ' or line:find '^%s+[%w_{\'}]' or line:find '^[{}]'
    or line:find '^local '
  return '\n' .. indent .. (code and line or '-- ' .. line)
end)
local values = assert(loadstring(live))()
for _, setting in ipairs(settings.list) do
  check.equal(values[setting.name] ~= nil and setting.name, setting.name)
end
values.compression, values.data_only = nil, nil
check.equal(#resolve(values).databases, 3)

check.done()
