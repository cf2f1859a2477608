-- Read some parts of the base. A part that is not ours is deleted, and raises the floor: what it held is not known.
-- ARGV[3..4]: the first part, the last
-- Returns {epoch, position of the base, its floor, parts}; the epoch is empty if the log is lost.
local nonce = read_nonce()
if not nonce then return {'', '0-0', '0-0', {}} end
local position = redis.call('HGET', KEYS[3], 'position') or '0-0'
local parts = {}
for part = tonumber(ARGV[3]), tonumber(ARGV[4]) do
  local found = redis.pcall('GET', ARGV[2] .. part)
  if type(found) == 'table' or (found and #found % ITEM ~= 0) then
    redis.call('UNLINK', ARGV[2] .. part)
    redis.call('HSET', KEYS[3], 'floor', position)
    found = nil
  end
  parts[#parts + 1] = found or ''
end
return {epoch_of(nonce), position, redis.call('HGET', KEYS[3], 'floor') or '0-0', parts}
