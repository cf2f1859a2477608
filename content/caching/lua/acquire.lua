-- Acquire a lease, if it is free. A retry with the same token succeeds, because the first answer may be lost.
-- Returns 1 or 0.
-- KEYS: lease   ARGV: token, milliseconds
if redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then return 1 end
if redis.call('GET', KEYS[1]) == ARGV[1] then return 1 end
return 0
