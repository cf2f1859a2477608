-- Add a key to the refresh queue, if a worker is active and the queue has room.
-- Returns 1, or 0: then the caller refreshes the key itself.
-- KEYS: queue, seen, bell, worker   ARGV: member, now, the entry's version as seen by the caller, maximum length
own(KEYS[1], 'zset')
own(KEYS[2], 'hash')
own(KEYS[3], 'list')
-- A worker's mark ends by itself. One that does not is not a worker's.
local marked = redis.call('PTTL', KEYS[4])
if marked < 0 or marked > 60000 then return 0 end
if not redis.call('ZSCORE', KEYS[1], ARGV[1]) then
  if redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[4]) then return 0 end
  redis.call('ZADD', KEYS[1], ARGV[2], ARGV[1])
  if redis.call('LLEN', KEYS[3]) == 0 then redis.call('RPUSH', KEYS[3], '1') end
end
redis.call('HSET', KEYS[2], ARGV[1], ARGV[3])
return 1
