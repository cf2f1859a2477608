-- Replace a value, if it is still there.
-- KEYS: the marker   ARGV: the expected value, the new one
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('SET', KEYS[1], ARGV[2]) end
