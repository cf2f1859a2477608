-- Store an entry and release its lease, if the caller still holds it. Returns 1, or 0 if nothing was stored.
-- KEYS: entry, lease   ARGV: token, entry, milliseconds
if redis.pcall('GET', KEYS[2]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
redis.call('DEL', KEYS[2])
return 1
