-- Acquire a lease, if it is free. A retry with the same token succeeds, because the first answer may be lost.
-- A lease that has no end, or ends long after any holder's, is nobody's.
-- Returns 1 or 0.
-- KEYS: lease   ARGV: token, milliseconds
own(KEYS[1], 'string')
if redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then return 1 end
if redis.call('GET', KEYS[1]) == ARGV[1] then return 1 end
local left = redis.call('PTTL', KEYS[1])
if left >= 0 and left <= 10 * tonumber(ARGV[2]) then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
