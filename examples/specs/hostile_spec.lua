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

  it('is told apart from a policy by its shape', function()
    for _, answer in ipairs { 7, 'keep', {}, { keep = {} } } do
      expect(function() decide(function() return answer end, backups { count = 3 }) end)
        :raises('the retention policy', 'config')
    end
  end)
end)
