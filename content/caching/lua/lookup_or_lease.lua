-- Look up an entry, and acquire its lease in the same step: nothing is stored in between.
-- Returns the entry, or 1 or 0 for no entry: whether the lease is the caller's. With '1' returns {entry or nil, 1 or 0}.
-- KEYS: entry, lease   ARGV: token, milliseconds, '1' to acquire the lease even if there is an entry
local entry = redis.pcall('GET', KEYS[1])
if type(entry) == 'table' then
  own(KEYS[1], 'string')
  entry = false
end
if ARGV[3] == '1' then return {entry, acquire(KEYS[2], ARGV[1], ARGV[2])} end
return entry or acquire(KEYS[2], ARGV[1], ARGV[2])
