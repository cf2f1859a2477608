-- Remove and return the oldest members of the refresh queue, and mark the worker as active.
-- KEYS: queue, seen, bell, worker   ARGV: maximum number, milliseconds for which the worker counts as active
own(KEYS[1], 'zset')
own(KEYS[2], 'hash')
redis.call('SET', KEYS[4], '1', 'PX', ARGV[2])
redis.call('DEL', KEYS[3])
local taken = {}
local popped = redis.call('ZPOPMIN', KEYS[1], ARGV[1])
for index = 1, #popped, 2 do
  taken[#taken + 1] = popped[index]
  taken[#taken + 1] = redis.call('HGET', KEYS[2], popped[index]) or ''
  redis.call('HDEL', KEYS[2], popped[index])
end
if redis.call('ZCARD', KEYS[1]) > 0 then redis.call('RPUSH', KEYS[3], '1') end
return taken
