-- Append one record. Each append moves the two oldest records of a full stream into the base, in the same step.
-- ARGV[3..6]: kind, the caller's nonce, tags (MessagePack), maximum length of the stream
-- ARGV[7..8]: most items of all parts, milliseconds for which an entry may live
-- Returns its position and the epoch.
local MOST_TAGS = 1000
local LONGEST_TAG = 4096
-- Bytes of a part below which it is not compacted.
local SMALL = 4096

local nonce = read_nonce()
local is_lost = not nonce
if is_lost then nonce = begin_anew() end

local function add() return redis.pcall('XADD', KEYS[1], '*', 'k', ARGV[3], 'n', ARGV[4], 't', ARGV[5]) end
local function time_of(position) return tonumber(string.match(position, '^%d+')) end

local id = add()
if type(id) == 'table' and not string.find(id.err, 'ID') then return redis.error_reply(id.err) end
if type(id) == 'table' or time_of(id) >= LARGEST_TIME then
  -- Another program's record has taken the last ids there are.
  is_lost, nonce = true, begin_anew()
  id = redis.call('XADD', KEYS[1], '*', 'k', ARGV[3], 'n', ARGV[4], 't', ARGV[5])
end
-- The base covers all records before this one.
if is_lost then redis.call('HSET', KEYS[3], 'next', id) end

-- A sequence that does not fit counts as the next millisecond: it invalidates too much, never too little.
local function packed(position)
  local time, sequence = string.match(position, '^(%d+)%-(%d+)$')
  time, sequence = tonumber(time), tonumber(sequence)
  if sequence > 65535 then time, sequence = time + 1, 0 end
  return struct.pack('>I6I2', time, sequence)
end

-- RFC 3629. Each sequence is replaced by a space, so that no others come together.
local SEQUENCES = {
  '[\194-\223][\128-\191]', '\224[\160-\191][\128-\191]', '[\225-\236\238\239][\128-\191][\128-\191]',
  '\237[\128-\159][\128-\191]', '\240[\144-\191][\128-\191][\128-\191]',
  '[\241-\243][\128-\191][\128-\191][\128-\191]', '\244[\128-\143][\128-\191][\128-\191]',
}
local function is_utf8(text)
  if not string.find(text, '[\128-\255]') then return true end
  for _, sequence in ipairs(SEQUENCES) do text = string.gsub(text, sequence, ' ') end
  return not string.find(text, '[\128-\255]')
end

-- The tags of a record; nil if they cannot be read.
local function tags_of(fields)
  local is_read, tags = pcall(cmsgpack.unpack, fields['t'] or '')
  if not is_read or type(tags) ~= 'table' or #tags > MOST_TAGS then return nil end
  if #tags == 0 and next(tags) ~= nil then return nil end
  for _, tag in ipairs(tags) do
    if type(tag) ~= 'string' or #tag > LONGEST_TAG or not is_utf8(tag) then return nil end
  end
  return tags
end

-- Keep the last item of each tag, and none that is older than any entry.
local function compact(key)
  local part, seen, kept = redis.call('GET', key), {}, {}
  local oldest = struct.pack('>I6I2', math.max(0, time_of(id) - tonumber(ARGV[8])), 0)
  for at = #part - ITEM + 1, 1, -ITEM do
    local hash = string.sub(part, at, at + 7)
    if not seen[hash] and string.sub(part, at + 8, at + 15) >= oldest then
      seen[hash] = true
      kept[#kept + 1] = string.sub(part, at, at + 15)
    end
  end
  for index = 1, math.floor(#kept / 2) do
    kept[index], kept[#kept - index + 1] = kept[#kept - index + 1], kept[index]
  end
  redis.call('SET', key, table.concat(kept))
  redis.call('HSET', KEYS[3], 'size:' .. key, math.max(SMALL, #kept * ITEM))
  return #part / ITEM - #kept
end

-- How many items the parts have more; nil if a part holds what is not ours.
local function fold(record, kind, tags)
  local place, grown = packed(record), nil
  for _, tag in ipairs(tags) do
    local digest = redis.sha1hex(kind .. tag)
    local first, second = tonumber(string.sub(digest, 1, 8), 16), tonumber(string.sub(digest, 9, 16), 16)
    local key = ARGV[2] .. (first % PARTS)
    local size = redis.pcall('APPEND', key, struct.pack('>I4I4', first, second) .. place)
    if type(size) == 'table' or size % ITEM ~= 0 then return nil end
    if size > 2 * SMALL and not grown then
      local compacted = tonumber(redis.call('HGET', KEYS[3], 'size:' .. key) or SMALL) or SMALL
      grown = size > 2 * compacted and key or nil
    end
  end
  -- One at most, so that an append takes a bounded time.
  return grown and #tags - compact(grown) or #tags
end

-- Entries from before a position are invalid, because not all tags of records up to it are known (rules 17 and 22).
local function raise_floor(position) redis.call('HSET', KEYS[3], 'floor', position) end

local function forget_all(position)
  local keys = {}
  for part = 0, PARTS - 1 do keys[#keys + 1] = ARGV[2] .. part end
  redis.call('UNLINK', unpack(keys))
  redis.call('HSET', KEYS[3], 'items', 0)
  raise_floor(position)
end

if redis.call('XLEN', KEYS[1]) > tonumber(ARGV[6]) then
  local oldest = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 3)
  local position = oldest[2][1]
  for index = 1, 2 do
    local record, pairs_of = oldest[index][1], oldest[index][2]
    local fields = {}
    for at = 1, #pairs_of, 2 do fields[pairs_of[at]] = pairs_of[at + 1] end
    local tags = tags_of(fields)
    if not tags then
      raise_floor(record)
    else
      local more = fold(record, fields['k'] == 'e' and 'e' or 'i', tags)
      local items = tonumber(redis.call('HGET', KEYS[3], 'items') or 0)
      if more and items and items + more <= tonumber(ARGV[7]) then
        redis.call('HSET', KEYS[3], 'items', items + more)
      else
        forget_all(position)
      end
    end
  end
  redis.call('HSET', KEYS[3], 'position', position, 'next', oldest[3][1])
  redis.call('XTRIM', KEYS[1], 'MINID', '=', oldest[3][1])
end
return {id, epoch_of(nonce)}
