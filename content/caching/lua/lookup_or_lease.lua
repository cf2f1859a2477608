-- Look up an entry, and acquire its lease in the same step: nothing is stored in between.
-- Returns {entry or nil, 1 if the lease is the caller's}.
-- KEYS: entry, lease   ARGV: token, milliseconds, '1' to acquire the lease even if there is an entry
own(KEYS[1], 'string')
own(KEYS[2], 'string')
local entry = redis.call('GET', KEYS[1])
if entry and ARGV[3] == '0' then return {entry, 0} end
if redis.call('SET', KEYS[2], ARGV[1], 'NX', 'PX', ARGV[2]) then return {entry, 1} end
-- A retry with the same token succeeds, because the first answer may be lost.
if redis.call('GET', KEYS[2]) == ARGV[1] then return {entry, 1} end
-- A lease that has no end, or ends long after any holder's, is nobody's.
local left = redis.call('PTTL', KEYS[2])
if left >= 0 and left <= 10 * tonumber(ARGV[2]) then return {entry, 0} end
redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[2])
return {entry, 1}
