-- Take a lease, if nobody has it. Asked again after an answer that was lost, it is still the caller's. Answers 1 or 0.
-- KEYS: lease   ARGV: token, milliseconds
if redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then return 1 end
if redis.call('GET', KEYS[1]) == ARGV[1] then return 1 end
return 0
