-- Read the records after a position, or the snapshot to start from. One step keeps both consistent.
-- KEYS: stream, nonce, snapshot   ARGV: a new nonce, the caller's epoch, the caller's position, maximum number
-- Returns {epoch, 'records', records} or {epoch, 'join', snapshot}.
if redis.replicate_commands then redis.replicate_commands() end
-- A write without effect. It fails on a server that may not write (a replica, or a primary without its replicas).
redis.call('HDEL', KEYS[3], '')
local nonce = redis.call('GET', KEYS[2])
local first = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 1)[1]
if not nonce or not first or first[1] ~= redis.call('HGET', KEYS[3], 'next') then
  nonce = ARGV[1]
  redis.call('DEL', KEYS[1], KEYS[3])
  redis.call('SET', KEYS[2], nonce)
  local id = redis.call('XADD', KEYS[1], '*', 'k', 'i', 'n', '', 't', cmsgpack.pack({}))
  redis.call('HSET', KEYS[3], 'next', id)
end
local epoch = nonce .. ':' .. string.match(redis.call('INFO', 'replication'), 'master_replid:(%x+)')
local tail = ARGV[3]
local position = redis.call('HGET', KEYS[3], 'position')
local known = ARGV[2] == epoch
if known and tail ~= (position or '0-0') then
  -- Only a record that still exists proves that no record after it was trimmed.
  known = #redis.call('XRANGE', KEYS[1], tail, tail) == 1
end
if not known then
  return {epoch, 'join', redis.call('HGETALL', KEYS[3])}
end
return {epoch, 'records', redis.call('XRANGE', KEYS[1], '(' .. tail, '+', 'COUNT', ARGV[4])}
