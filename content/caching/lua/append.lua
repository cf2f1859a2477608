-- Append one record to the invalidation log. Returns its id and the current epoch.
-- KEYS: stream, nonce, snapshot   ARGV: a new nonce, kind, the caller's nonce, tags (MessagePack), maximum length
if redis.replicate_commands then redis.replicate_commands() end
local nonce = redis.call('GET', KEYS[2])
local first = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 1)[1]
local is_lost = not nonce or not first or first[1] ~= redis.call('HGET', KEYS[3], 'next')
if is_lost then
  -- Part of the log was lost, or trimmed by hand. A new epoch begins; entries of the old one are invalid.
  nonce = ARGV[1]
  redis.call('DEL', KEYS[1], KEYS[3])
  redis.call('SET', KEYS[2], nonce)
end
local id = redis.call('XADD', KEYS[1], '*', 'k', ARGV[2], 'n', ARGV[3], 't', ARGV[4])
-- The snapshot covers all records before this one.
if is_lost then redis.call('HSET', KEYS[3], 'next', id) end
if redis.call('XLEN', KEYS[1]) > tonumber(ARGV[5]) then
  -- Each append moves the two oldest records into the snapshot, in the same step.
  local oldest = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 3)
  for index = 1, 2 do
    local fields = {}
    for at = 1, #oldest[index][2], 2 do fields[oldest[index][2][at]] = oldest[index][2][at + 1] end
    for _, tag in ipairs(cmsgpack.unpack(fields['t'])) do
      redis.call('HSET', KEYS[3], fields['k'] .. tag, oldest[index][1])
    end
  end
  local position = oldest[2][1]
  if redis.call('HLEN', KEYS[3]) > 200000 then
    redis.call('DEL', KEYS[3])
    redis.call('HSET', KEYS[3], 'floor', position)
  end
  redis.call('HSET', KEYS[3], 'position', position, 'next', oldest[3][1])
  redis.call('XTRIM', KEYS[1], 'MINID', '=', oldest[3][1])
end
return {id, nonce .. ':' .. string.match(redis.call('INFO', 'replication'), 'master_replid:(%x+)')}
