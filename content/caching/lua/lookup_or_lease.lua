-- Look up an entry, and acquire its lease in the same step: nothing is stored in between.
-- Returns the entry. If there is none, returns 1 if the lease is the caller's, else 0.
-- With '1' as the last argument returns {entry or nil, 1 or 0}.
-- KEYS: entry, lease   ARGV: token, milliseconds, '1' to acquire the lease even if there is an entry
local entry = redis.pcall('GET', KEYS[1])
if type(entry) == 'table' then
  own(KEYS[1], 'string')
  entry = false
end
if ARGV[3] == '1' then return {entry, acquire(KEYS[2], ARGV[1], ARGV[2])} end
return entry or acquire(KEYS[2], ARGV[1], ARGV[2])
