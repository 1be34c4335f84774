-- What scripts/daily.lua does over many nights, when things go wrong. Nothing here is real but the
-- script, the library and the host: no server, no disk, and a clock that jumps.
local NIGHT = '1d'

describe('daily.lua', function()
  local world

  before_each(function()
    world = rehearsal {
      now = '2026-10-01T02:00:00Z',
      databases = { 'shop' },
      stores = { 'memory:disk', { url = 'memory:cloud', required = false } },
      retention = { daily = 7 },
    }
  end)

  local function nights(count, check)
    for night = 1, count do
      check(world:run 'scripts/daily.lua', night)
      world:advance(NIGHT)
    end
  end

  it('keeps seven nights, and survives a week in which pg_dump fails', function()
    nights(60, function(run, night)
      local failing = night >= 40 and night < 47
      if failing then
        expect(run):fails('process', 'out of memory')
      else
        expect(run):succeeds()
      end
      -- Nothing is deleted while backups fail: the seven before that week are still there.
      expect(#world:backups 'memory:disk'):equals(math.min(night, 7))
      if night == 39 then
        world:dump('shop', { exit_code = 1, stderr = 'pg_dump: error: out of memory' })
      end
      if night == 46 then world:dump 'shop' end
    end)
    expect(world:backups('memory:disk')[1].started):equals '2026-11-29T02:00:00Z'
  end)

  it('makes no backup of a dump that is cut short although pg_dump says all is well', function()
    world:dump('shop', { cut_short = true })
    expect(world:run 'scripts/daily.lua'):fails('corrupt', 'the dump is cut short')
    expect(world:backups()):has_length(0)
  end)

  it('goes on with the disk when the cloud is away, and says so', function()
    world:fail('memory:cloud', 'all')
    nights(10, function(run) expect(run.exit_code):equals(15) end)
    expect(world:backups 'memory:disk'):has_length(7)
    expect(world:backups 'memory:cloud'):has_length(0)
    world:mend 'memory:cloud'
    expect(world:run 'scripts/daily.lua'):succeeds()
    expect(world:backups 'memory:cloud'):has_length(1)
  end)

  it('never deletes the old backup when the new one could not be written', function()
    nights(8, function(run) expect(run):succeeds() end)
    world:fail('memory:disk', 'write', { nth = 1 })
    world:fail('memory:cloud', 'write', { nth = 1 })
    expect(world:run 'scripts/daily.lua'):fails 'unavailable'
    expect(world:backups 'memory:disk'):has_length(7)
  end)

  it('leaves no listed backup behind when the manifest cannot be written', function()
    world:fail('memory:disk', 'write', { nth = 3 }) -- data, digest, manifest
    expect(world:run 'scripts/daily.lua'):fails 'unavailable'
    expect(world:backups 'memory:disk'):has_length(0)
  end)

  it('backs up the other databases when one server is down', function()
    world = rehearsal { databases = { 'shop', 'blog', 'wiki' } }
    world:dump('blog', { down = true })
    local run = world:run 'scripts/daily.lua'
    expect(run):fails('unavailable', 'blog')
    expect(run.backups):has_length(2)
  end)

  it('notes when a slow dump began and ended', function()
    world:dump('shop', { takes = '3h' })
    local backup = world:run('scripts/daily.lua').backups[1]
    expect(backup.started):equals '2026-10-01T02:00:00Z'
    expect(backup.finished):equals '2026-10-01T05:00:00Z'
  end)
end)
