-- Raise scores of heat to those that were saved. To do it again changes nothing.
-- KEYS: a sorted set   ARGV: the most members of the set; then scores and names, in turn
own(KEYS[1], 'zset')
redis.call('ZADD', KEYS[1], 'GT', unpack(ARGV, 2))
redis.call('ZREMRANGEBYRANK', KEYS[1], 0, -1 - tonumber(ARGV[1]))
