-- Read the records after a position. One step keeps epoch, base and records consistent.
-- ARGV[3..5]: the caller's epoch, the caller's position, maximum number of records
-- Returns {epoch, whether more follow (1 or 0), records, seconds and microseconds of this clock}. With a sixth item the
-- caller joins anew: it is the position of the base, behind which the records begin, and the parts have to be read as well.
-- Bytes of tags after which no more records are returned, and records that are read at once.
local MOST_BYTES = 65536
local AT_ONCE = 10
local nonce = read_nonce()
if not nonce then
  nonce = begin_anew()
  local id = redis.call('XADD', KEYS[1], '*', 'k', 'i', 'n', '', 't', '\144')
  set_first(id)
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
local most, records, bytes, after = tonumber(ARGV[5]), {}, 0, tail
local more = 1
while more == 1 and #records < most and bytes < MOST_BYTES do
  local found = redis.call('XRANGE', KEYS[1], '(' .. after, '+', 'COUNT', math.min(AT_ONCE, most - #records))
  if #found < math.min(AT_ONCE, most - #records) then more = 0 end
  for _, record in ipairs(found) do
    records[#records + 1], after = record, record[1]
    for _, text in ipairs(record[2]) do bytes = bytes + #text end
  end
end
local now = redis.call('TIME')
if known then return {epoch, more, records, now[1], now[2]} end
return {epoch, more, records, now[1], now[2], position}
