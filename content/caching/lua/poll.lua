-- Read the records after a position. One step keeps epoch, base and records consistent.
-- ARGV[3..5]: the caller's epoch, the caller's position, maximum number of records
-- Returns {epoch, 'records', records}, or {epoch, 'join', position of the base, its records}: read the parts as well.
local nonce = read_nonce()
if not nonce then
  nonce = begin_anew()
  local id = redis.call('XADD', KEYS[1], '*', 'k', 'i', 'n', '', 't', '\144')
  redis.call('HSET', KEYS[3], 'next', id)
end
-- A write without effect. It fails on a server that may not write (a replica, or a primary without its replicas).
redis.call('HDEL', KEYS[3], '')
local epoch, tail = epoch_of(nonce), ARGV[4]
local position = redis.call('HGET', KEYS[3], 'position') or '0-0'
local known = ARGV[3] == epoch
if known and tail ~= position then
  -- Only a record that still exists proves that no record after it was trimmed.
  known = #redis.call('XRANGE', KEYS[1], tail, tail) == 1
end
if not known then tail = position end
local records = redis.call('XRANGE', KEYS[1], '(' .. tail, '+', 'COUNT', ARGV[5])
if known then return {epoch, 'records', records} end
return {epoch, 'join', position, records}
