-- Read the names with the highest scores. A key of another type is another program's: delete it, and the marker with
-- it, so that the saved scores are restored.
-- KEYS: a sorted set, the marker   ARGV: how many names
-- Returns this server's clock, as TIME does, and names and scores in turn.
local kind = redis.call('TYPE', KEYS[1]).ok
if kind ~= 'zset' and kind ~= 'none' then redis.call('UNLINK', KEYS[1], KEYS[2]) end
return {redis.call('TIME'), redis.call('ZREVRANGE', KEYS[1], 0, ARGV[1] - 1, 'WITHSCORES')}
