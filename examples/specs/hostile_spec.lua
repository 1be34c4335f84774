-- Policies that would lose everything: the host's floors hold, whatever they say.
describe('a hostile retention policy', function()
  local function remove_all(backups) return { keep = {}, remove = backups, reasons = {} } end

  it('cannot delete the newest good backup', function()
    local world = rehearsal { retention = remove_all }
    expect(world:run 'scripts/daily.lua'):fails 'refused'
    expect(world:backups()):has_length(1)
    world:advance '1d'
    expect(world:run 'scripts/daily.lua'):fails('refused', 'newest')
    expect(world:backups()):has_length(2)
  end)

  it('deletes nothing when it raises, and the message names its line', function()
    local world = rehearsal { retention = function() error 'no idea' end }
    expect(world:run 'scripts/daily.lua'):fails('config', 'hostile_spec.lua:15: no idea')
    expect(world:backups()):has_length(1)
  end)

  it('deletes nothing when it forgets a backup', function()
    local world = rehearsal {
      retention = function() return { keep = {}, remove = {}, reasons = {} } end,
    }
    expect(world:run 'scripts/daily.lua'):fails('config', 'forgot')
    expect(world:backups()):has_length(1)
  end)

  it('cannot go below min_keep', function()
    local world = rehearsal { retention = { daily = 2 }, min_keep = 3 }
    for night = 1, 3 do
      local run = world:run 'scripts/daily.lua'
      if night < 3 then expect(run):succeeds() else expect(run):fails('refused', 'min_keep') end
      world:advance '1d'
    end
    expect(world:backups()):has_length(3)
  end)

  it('deletes nothing while the clock is wrong', function()
    local world = rehearsal { now = '2026-10-10T02:00:00Z', retention = { daily = 1 } }
    expect(world:run 'scripts/daily.lua'):succeeds()
    world:advance(-3 * 24 * 3600) -- a machine without a battery wakes up in the past
    expect(world:run 'scripts/daily.lua'):fails('refused', 'clock')
    expect(world:backups()):has_length(2)
  end)

  it('is told apart from a policy by its shape', function()
    for _, answer in ipairs { 7, 'keep', {}, { keep = {} } } do
      expect(function() decide(function() return answer end, backups { count = 3 }) end)
        :raises('the retention policy', 'config')
    end
  end)
end)
