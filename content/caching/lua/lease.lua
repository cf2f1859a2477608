-- Acquire a lease, if it is free. Returns 1 or 0.
-- A retry with the same token succeeds, because the first answer may be lost.
-- A load with a reader ('!') takes over the lease of one in the background ('~'), which then cannot store its result.
-- A lease that has no end, or ends long after any holder's, belongs to no process.
local function acquire(lease, token, milliseconds)
  own(lease, 'string')
  if redis.call('SET', lease, token, 'NX', 'PX', milliseconds) then return 1 end
  local holder = redis.call('GET', lease)
  if holder == token then return 1 end
  local left, yields = redis.call('PTTL', lease), token:sub(1, 1) == '!' and holder:sub(1, 1) == '~'
  if not yields and left >= 0 and left <= 10 * tonumber(milliseconds) then return 0 end
  redis.call('SET', lease, token, 'PX', milliseconds)
  return 1
end
