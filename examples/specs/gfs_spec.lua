-- policies/gfs.lua: one backup a night, thinned out to days, weeks, months and years.
describe('policies/gfs.lua', function()
  local gfs = policy 'policies/gfs.lua'
  local night = '2026-11-20T02:00:00Z' -- a Friday

  it('keeps days, ends of weeks, ends of months, ends of years, and the oldest', function()
    local decision = decide(gfs, backups { count = 800, ending = night })
    local days = {}
    for i, backup in ipairs(decision.keep) do days[i] = backup.started:sub(1, 10) end
    expect(days):equals {
      '2026-11-20', '2026-11-19', '2026-11-18', '2026-11-17', '2026-11-16', '2026-11-15',
      '2026-11-14', -- seven days
      '2026-11-08', '2026-11-01', -- the Sundays of the weeks before
      '2026-10-31', '2026-09-30', '2026-08-31', '2026-07-31', '2026-06-30', '2026-05-31',
      '2026-04-30', '2026-03-31', '2026-02-28', '2026-01-31', '2025-12-31', -- twelve months
      '2024-12-31', -- a year's end
      '2024-09-12', -- the oldest, as long as five years are not full
    }
  end)

  it('does not mind the type of a backup', function()
    local plain = decide(gfs, backups { count = 100, ending = night, type = 'daily' })
    local odd = decide(gfs, backups { count = 100, ending = night, type = 'odd' })
    expect(#odd.keep):equals(#plain.keep)
  end)

  it('counts nights with a backup, not nights: a gap of a month costs no backup', function()
    local gap = merged(backups { count = 3, ending = night },
      backups { count = 30, ending = '2026-10-15T02:00:00Z' })
    local decision = decide(gfs, gap)
    expect(ids(decision.keep)):contains 'daily-2026-10-12T02:00' -- the seventh newest
  end)

  it('removes nothing that is pinned', function()
    local old = backups { count = 1, ending = '2020-03-03T02:00:00Z', keep = true }
    local decision = decide(gfs, merged(old, backups { count = 800, ending = night },
      backups { count = 1, ending = '2019-01-01T02:00:00Z' }))
    expect(ids(decision.keep)):contains 'daily-2020-03-03T02:00'
  end)
end)
