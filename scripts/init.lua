-- scripts/init.lua: write a pgbak.lua, and copies of the scripts and policies to change
local pgbak = require 'pgbak'
local sys = require 'pgbak.sys'

local options = pgbak.args({ ... }, {
  name = 'init',
  doc = 'Writes pgbak.lua, scripts/ and policies/ for you to change. Files that exist stay as\n'
    .. 'they are. Copies here win over those in the program: delete what you do not change.',
  options = {
    { name = 'directory', positional = true, default = '.', doc = 'where to' },
    { name = 'library', type = 'flag',
      doc = 'also scripts/pgbak/, which then misses what newer releases mend' },
  },
})
if not options then return end

local TEMPLATE = 'scripts/pgbak/template/pgbak.lua'

-- Where a shipped file goes, or nothing.
local function place_of(path)
  if path == TEMPLATE then return 'pgbak.lua' end
  local own = path:find('^policies/') or path:find('^scripts/[^/]+$')
  if own or (options.library and path:find('^scripts/pgbak/')) then return path end
end

for _, asset in ipairs(sys.assets()) do
  local place = place_of(asset.path)
  if place then
    local path = options.directory == '.' and place or options.directory .. '/' .. place
    io.write(sys.write_new(path, asset.text) and 'wrote  ' or 'exists ', path, '\n')
  end
end
io.write '\nnext: edit pgbak.lua, then `pgbak config`, then `pgbak daily`\n'
