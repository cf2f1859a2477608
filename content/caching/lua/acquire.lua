-- KEYS: lease   ARGV: token, milliseconds
return acquire(KEYS[1], ARGV[1], ARGV[2])
