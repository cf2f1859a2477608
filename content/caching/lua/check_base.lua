-- Check some parts of the base. One that is not ours is deleted, and raises the floor: what it held is not known.
-- ARGV[3..4]: the first part, and the one behind the last
-- Returns {epoch, position of the base, its floor}; the epoch is empty if the log is lost.
local nonce = read_nonce()
if not nonce then return {'', '0-0', '0-0'} end
local position = redis.call('HGET', KEYS[3], 'position') or '0-0'
for part = math.max(0, tonumber(ARGV[3])), math.min(PARTS, tonumber(ARGV[4])) - 1 do
  local size = redis.pcall('STRLEN', ARGV[2] .. part)
  if type(size) == 'table' or size % ITEM ~= 0 or size > LARGEST_PART then
    redis.call('UNLINK', ARGV[2] .. part)
    redis.call('HSET', KEYS[3], 'floor', position)
  end
end
return {epoch_of(nonce), position, redis.call('HGET', KEYS[3], 'floor') or '0-0'}
