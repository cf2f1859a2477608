-- Renew a lease for its full time, if the caller still holds it. KEYS: lease   ARGV: token, milliseconds
if redis.pcall('GET', KEYS[1]) == ARGV[1] then return redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return 0
