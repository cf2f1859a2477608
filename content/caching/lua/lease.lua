-- Acquire a lease, if it is free. Returns 1 or 0.
-- A retry with the same token succeeds, because the first answer may be lost.
-- A lease that has no end, or ends long after any holder's, belongs to no process.
local function acquire(lease, token, milliseconds)
  own(lease, 'string')
  if redis.call('SET', lease, token, 'NX', 'PX', milliseconds) then return 1 end
  if redis.call('GET', lease) == token then return 1 end
  local left = redis.call('PTTL', lease)
  if left >= 0 and left <= 10 * tonumber(milliseconds) then return 0 end
  redis.call('SET', lease, token, 'PX', milliseconds)
  return 1
end
