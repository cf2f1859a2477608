-- Append one record. Each append moves some of the oldest records of a full stream into the base, in the same step.
-- ARGV[3..6]: kind, the caller's nonce, tags (MessagePack), their number
-- ARGV[7..8]: most records and most tags of the stream
-- ARGV[9..10]: most items of all parts, milliseconds for which an entry may live
-- ARGV[11]: the traceparent of the writer (W3C), or nothing
-- Returns its position and the epoch.
-- Of a record of any release, as in ordering/stream.py.
local MOST_TAGS = 1000
local LARGEST_RECORD = 262144
-- An append moves so many records, and no other after so many tags: it takes a bounded time.
local RECORDS_MOVED = 16
local TAGS_MOVED = 100
-- Bytes of a part below which it is not compacted.
local SMALL = 4096

local nonce = read_nonce()
local is_lost = not nonce
if is_lost then nonce = begin_anew() end

local function add()
  local record = {'k', ARGV[3], 'n', ARGV[4], 't', ARGV[5], 'c', ARGV[6]}
  if ARGV[11] then
    record[9], record[10] = 'p', ARGV[11]
  end
  return redis.pcall('XADD', KEYS[1], '*', unpack(record))
end
local function time_of(position) return tonumber(string.match(position, '^%d+')) end

local id = add()
if type(id) == 'table' and not string.find(id.err, 'ID') then return redis.error_reply(id.err) end
if type(id) == 'table' or time_of(id) >= LARGEST_TIME then
  -- Another program's record has taken the last ids there are.
  is_lost, nonce = true, begin_anew()
  id = add()
end
-- The base covers all records before this one.
if is_lost then set_first(id) end

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
  local packed_tags = fields['t'] or ''
  if #packed_tags > LARGEST_RECORD then return nil end
  local is_read, tags = pcall(cmsgpack.unpack, packed_tags)
  if not is_read or type(tags) ~= 'table' or #tags > MOST_TAGS then return nil end
  if #tags == 0 and next(tags) ~= nil then return nil end
  for _, tag in ipairs(tags) do
    if type(tag) ~= 'string' then return nil end
  end
  -- All at once: text stays text when it is joined.
  if not is_utf8(table.concat(tags, ' ')) then return nil end
  return tags
end

-- Keep the last item of each tag, and none that is older than any entry.
local function compact(key)
  local part, seen, kept = redis.call('GET', key), {}, {}
  -- As a number: Lua compares texts by the server's locale, which knows no order of bytes.
  local oldest = time_of(id) - tonumber(ARGV[10])
  for at = #part - ITEM + 1, 1, -ITEM do
    local hash = string.sub(part, at, at + 7)
    if not seen[hash] and struct.unpack('>I6', part, at + 8) >= oldest then
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
    if type(size) == 'table' or size % ITEM ~= 0 or size > LARGEST_PART then return nil end
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
  unlink_parts()
  redis.call('HSET', KEYS[3], 'items', 0)
  raise_floor(position)
end

-- A number from Redis; nil for what is none, or negative, or larger than `most`. Comparisons with NaN are false.
local function number_of(text, most)
  local number = tonumber(text or 0)
  return number and number >= 0 and number <= most and number or nil
end

-- Move one record into the base. Returns the number of its tags, and how many it was counted for.
local function move(id_of, pairs_of)
  local fields = {}
  for at = 1, #pairs_of, 2 do fields[pairs_of[at]] = pairs_of[at + 1] end
  local tags = tags_of(fields)
  if not tags then
    raise_floor(id_of)
    return 0, 0
  end
  local more = fold(id_of, fields['k'] == 'e' and 'e' or 'i', tags)
  local items = number_of(redis.call('HGET', KEYS[3], 'items'), tonumber(ARGV[9]))
  if more and items and items + more <= tonumber(ARGV[9]) then
    redis.call('HSET', KEYS[3], 'items', items + more)
  else
    forget_all(id_of)
  end
  return #tags, number_of(fields['c'], MOST_TAGS) or 0
end

local length = redis.call('XLEN', KEYS[1])
local in_stream = (number_of(redis.call('HGET', KEYS[3], 'tags'), length * MOST_TAGS) or 0) + tonumber(ARGV[6])
local first, position, moved, moved_tags = '-', nil, 0, 0
while length - moved > 1 and moved < RECORDS_MOVED and moved_tags < TAGS_MOVED
    and (length - moved > tonumber(ARGV[7]) or in_stream > tonumber(ARGV[8])) do
  local oldest = redis.call('XRANGE', KEYS[1], first, '+', 'COUNT', 2)
  local tags, counted = move(oldest[1][1], oldest[1][2])
  moved_tags, in_stream = moved_tags + tags, math.max(0, in_stream - counted)
  position, first, moved = oldest[1][1], oldest[2][1], moved + 1
end
if moved > 0 then
  set_first(first, position)
  redis.call('XTRIM', KEYS[1], 'MINID', '=', first)
end
redis.call('HSET', KEYS[3], 'tags', in_stream)
return {id, epoch_of(nonce)}
