-- The default policy, policies/retention.lua: how many backups of each type stay. Copy this file
-- beside your own policy and change the numbers.
describe('policies/retention.lua', function()
  local retention = policy 'policies/retention.lua'

  it('keeps the newest seven daily backups', function()
    local decision = decide(retention, backups { count = 30, ending = '2026-11-20T02:00:00Z' })
    expect(ids(decision.keep)):equals {
      'daily-2026-11-20T02:00', 'daily-2026-11-19T02:00', 'daily-2026-11-18T02:00',
      'daily-2026-11-17T02:00', 'daily-2026-11-16T02:00', 'daily-2026-11-15T02:00',
      'daily-2026-11-14T02:00',
    }
    expect(decision.remove):has_length(23)
  end)

  it('counts each type for itself', function()
    local decision = decide(retention, merged(
      backups { type = 'daily', count = 10 },
      backups { type = 'weekly', count = 10, every = '7d' },
      backups { type = 'monthly', count = 20, every = '30d' }))
    local kept = { daily = 0, weekly = 0, monthly = 0 }
    for _, backup in ipairs(decision.keep) do kept[backup.type] = kept[backup.type] + 1 end
    expect(kept):equals { daily = 7, weekly = 4, monthly = 12 }
  end)

  it('never removes what was made by hand, or is of a type that it does not know', function()
    local old = merged(backups { type = 'manual', count = 50 },
      backups { type = 'odd', count = 50 })
    expect(decide(retention, old).remove):has_length(0)
  end)

  it('forgets nothing while no new backups come', function()
    local list = backups { count = 7, ending = '2026-11-20T02:00:00Z' }
    expect(decide(retention, list, '2028-01-01T00:00:00Z').remove):has_length(0)
  end)

  it('says why', function()
    local decision = decide(retention, backups { count = 8 })
    for _, backup in ipairs(decision.keep) do
      expect(decision.reasons[backup.id][1]):contains 'daily'
    end
  end)
end)
