-- Add a key to the refresh queue, if a worker is active and the queue has room.
-- Returns 1, or 0: then the caller refreshes the key itself.
-- KEYS: queue, seen, bell, worker   ARGV: member, now, the entry's version as seen by the caller, maximum length
if redis.call('EXISTS', KEYS[4]) == 0 then return 0 end
if not redis.call('ZSCORE', KEYS[1], ARGV[1]) then
  if redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[4]) then return 0 end
  redis.call('ZADD', KEYS[1], ARGV[2], ARGV[1])
  if redis.call('LLEN', KEYS[3]) == 0 then redis.call('RPUSH', KEYS[3], '1') end
end
redis.call('HSET', KEYS[2], ARGV[1], ARGV[3])
return 1
