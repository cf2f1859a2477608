-- Count one, if every rate allows it: in any span of a rate's time no more than its limit.
-- KEYS: key, a list of the allowed times, the oldest first, in microseconds
-- ARGV: for each rate its limit and its time in microseconds   Returns: 1 or 0, how many remain, microseconds to wait.
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local most, longest = 0, 0
for index = 1, #ARGV, 2 do
  most, longest = math.max(most, tonumber(ARGV[index])), math.max(longest, tonumber(ARGV[index + 1]))
end

-- An element that is not a number counts as long ago.
local function at(index)
  local time = tonumber(redis.call('LINDEX', KEYS[1], index))
  return time and time == time and time or 0
end

-- A key that is not a list, or ends in a time more than a day ahead, is not ours: the count begins anew.
local kind = redis.call('TYPE', KEYS[1]).ok
if kind ~= 'none' and (kind ~= 'list' or at(-1) > now + 86400 * 1000000) then redis.call('UNLINK', KEYS[1]) end
local length = redis.call('LLEN', KEYS[1])
-- If the clock was set back, time stands still until it is past the last time.
if length > 0 then now = math.max(now, at(-1)) end

local function younger_than(time)
  local low, high = 0, length
  while low < high do
    local middle = math.floor((low + high) / 2)
    if at(middle) <= time then low = middle + 1 else high = middle end
  end
  return length - low
end

local remaining, wait = math.huge, 0
for index = 1, #ARGV, 2 do
  local limit, time = tonumber(ARGV[index]), tonumber(ARGV[index + 1])
  remaining = math.min(remaining, limit - younger_than(now - time))
  if length >= limit then wait = math.max(wait, at(-limit) + time - now) end
end
if remaining < 1 then
  if redis.call('PTTL', KEYS[1]) < 0 then redis.call('PEXPIRE', KEYS[1], math.ceil(longest / 1000)) end
  return {0, 0, wait}
end

redis.call('RPUSH', KEYS[1], string.format('%.0f', now))
redis.call('LTRIM', KEYS[1], -most, -1)
redis.call('PEXPIRE', KEYS[1], math.ceil(longest / 1000))
return {1, remaining - 1, 0}
