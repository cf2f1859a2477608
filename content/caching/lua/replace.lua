-- Store an entry in the place of the one with that digest (SHA-1), which keeps its time to live. Returns 1 or 0.
-- KEYS: entry   ARGV: digest, entry
local stored = redis.pcall('GET', KEYS[1])
if type(stored) ~= 'string' or redis.sha1hex(stored) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'KEEPTTL')
return 1
