-- Retention for two places: a short history on local disks, a long one in the cloud. Nothing in the
-- cloud is deleted until this line says true:
local CLEAN_CLOUD = false

local r = require 'pgbak.retention'

local near = r.buckets { daily = 7, weekly = 4 }
local far = r.buckets { daily = 7, weekly = 4, monthly = 12, yearly = 10 }

-- By the kind of a store, or by its address: ['s3://bucket/prefix'] = …
return r.by_store {
  ['local'] = near,
  s3 = CLEAN_CLOUD and far or r.forever(),
}
