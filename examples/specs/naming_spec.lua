-- The default naming, policies/naming.lua, alone and in a run.
describe('policies/naming.lua', function()
  local facts = {
    base = 'shop', database = 'shop', type = 'daily', time = 1795140000, extension = 'sql.gz',
  }

  it('puts database, type and time into the key', function()
    local key = policy 'policies/naming.lua'(facts)
    expect(key):contains 'shop'
    expect(key):contains 'daily'
    expect(key):matches '%d%d%d%d%d%d%d%dT%d%d%d%d%d%dZ%.sql%.gz$'
  end)

  it('gives every night a key of its own', function()
    local world = rehearsal { naming = policy 'policies/naming.lua' }
    for _ = 1, 3 do
      expect(world:run 'scripts/daily.lua'):succeeds()
      world:advance '1d'
    end
    expect(world:backups()):has_length(3)
  end)
end)

describe('a naming without the time', function()
  it('overwrites nothing: the second backup fails', function()
    local world = rehearsal { naming = function(facts) return facts.database .. '.sql.gz' end }
    expect(world:run 'scripts/daily.lua'):succeeds()
    world:advance '1d'
    expect(world:run 'scripts/daily.lua'):fails('exists', 'shop.sql.gz')
    expect(world:backups()):has_length(1)
  end)
end)
