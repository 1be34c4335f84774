-- policies/dual.lua: a short history on disk, a long one in the cloud, where nothing is deleted
-- until somebody allows it.
describe('policies/dual.lua', function()
  local dual = policy 'policies/dual.lua'

  local function kept(store)
    return #decide(dual, backups { count = 400, store = store }).keep
  end

  it('thins out a directory', function()
    expect(kept './backups'):at_most(12)
    expect(kept './backups'):at_least(7)
    expect(kept '/var/backups'):equals(kept './backups')
  end)

  it('deletes nothing in the cloud', function() expect(kept 's3://bucket/prefix'):equals(400) end)

  it('deletes nothing in a store that it does not know', function()
    expect(kept 'memory:a'):equals(400)
  end)
end)

describe('two stores with policies of their own', function()
  it('are thinned out each by its own', function()
    local r = require 'pgbak.retention'
    local world = rehearsal {
      stores = { 'memory:near', 'memory:far' },
      retention = r.by_store { ['memory:near'] = r.last(2), ['memory:far'] = r.last(5) },
    }
    for _ = 1, 10 do
      expect(world:run 'scripts/daily.lua'):succeeds()
      world:advance '1d'
    end
    expect(world:backups 'memory:near'):has_length(2)
    expect(world:backups 'memory:far'):has_length(5)
  end)
end)
