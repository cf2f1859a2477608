-- Look up an entry, and acquire its lease in the same step: nothing is stored in between.
-- Returns {entry or nil, 1 if the lease is the caller's}.
-- KEYS: entry, lease   ARGV: token, milliseconds, '1' to acquire the lease even if there is an entry
own(KEYS[1], 'string')
local entry = redis.call('GET', KEYS[1])
if entry and ARGV[3] == '0' then return {entry, 0} end
return {entry, acquire(KEYS[2], ARGV[1], ARGV[2])}
