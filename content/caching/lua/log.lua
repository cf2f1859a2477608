-- The invalidation log: a stream of records, the nonce of its epoch, and its base. The base stands for the records that
-- left the stream: their last position, and for each tag its last position, in parts by the hash of the tag.
-- KEYS: stream, nonce, base   ARGV[1]: a nonce for a log that begins anew, ARGV[2]: prefix of the parts' keys
if redis.replicate_commands then redis.replicate_commands() end
local PARTS = 1024
-- An item of a part: 8 bytes of the tag's hash, then its position in 8 bytes, big-endian.
local ITEM = 16
-- Bytes of a part. Ours are a tenth of it.
local LARGEST_PART = 262144
-- Milliseconds of a position have 6 bytes.
local LARGEST_TIME = 2 ^ 48

local function is_position(text) return text and string.match(text, '^%d+%-%d+$') and #text <= 41 end

-- Of the release before this one, which may follow the same log: it kept all tags in this hash, and takes a log whose
-- first record is not named there for lost. It judges by a floor what it would find in the parts.
local SNAPSHOT = KEYS[1] .. ':snapshot'

-- Name the first record of the stream. `position`: of the last record that has left it, if any has.
local function set_first(id, position)
  own(SNAPSHOT, 'hash')
  redis.call('HSET', KEYS[3], 'next', id)
  redis.call('HSET', SNAPSHOT, 'next', id)
  if position then
    redis.call('HSET', KEYS[3], 'position', position)
    redis.call('HSET', SNAPSHOT, 'position', position, 'floor', position)
  end
end

local function unlink_parts()
  local keys = {}
  for part = 0, PARTS - 1 do keys[#keys + 1] = ARGV[2] .. part end
  redis.call('UNLINK', unpack(keys))
end

-- Everything known is lost: a new epoch begins, and entries of the old one are invalid.
local function begin_anew()
  unlink_parts()
  redis.call('UNLINK', KEYS[1], KEYS[3], SNAPSHOT)
  redis.call('SET', KEYS[2], ARGV[1])
  return ARGV[1]
end

-- The nonce of the epoch; nil if the log is lost: a key is missing or not ours, or the stream was trimmed by hand.
local function read_nonce()
  own(KEYS[1], 'stream')
  own(KEYS[2], 'string')
  own(KEYS[3], 'hash')
  local nonce = redis.call('GET', KEYS[2])
  if not nonce or #nonce > 64 or not string.match(nonce, '^%x+$') then return nil end
  local base = redis.call('HMGET', KEYS[3], 'position', 'floor', 'next')
  if (base[1] and not is_position(base[1])) or (base[2] and not is_position(base[2])) then return nil end
  local first = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 1)[1]
  if not first or first[1] ~= base[3] then return nil end
  return nonce
end

local function epoch_of(nonce)
  return nonce .. ':' .. string.match(redis.call('INFO', 'replication'), 'master_replid:(%x+)')
end
