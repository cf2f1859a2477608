-- Store an entry and end its lease, if the lease is still the caller's. Answers 1, or 0 and nothing was done.
-- KEYS: entry, lease   ARGV: token, entry, milliseconds
if redis.call('GET', KEYS[2]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
redis.call('DEL', KEYS[2])
return 1
