-- Begin to restore heat. Those who restore at once have one token, which a flush takes from all of them.
-- KEYS: the marker   ARGV: a token, unless there is one
-- Returns the value of the marker.
own(KEYS[1], 'string')
local value = redis.call('GET', KEYS[1])
if value then return value end
redis.call('SET', KEYS[1], ARGV[1])
return ARGV[1]
