-- Take one, if every rate allows it: in any span of a rate's time no more than its limit.
-- KEYS: key, a list of the times of those that were allowed, the oldest first, in microseconds
-- ARGV: for each rate its limit and its time in microseconds   Answers: 1 or 0, how many remain, microseconds to wait.
local length = redis.call('LLEN', KEYS[1])
local function at(index) return tonumber(redis.call('LINDEX', KEYS[1], index)) end

local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
-- A clock that was set back stands still until it is where it was.
if length > 0 then now = math.max(now, at(-1)) end

local function younger_than(time)
  local low, high = 0, length
  while low < high do
    local middle = math.floor((low + high) / 2)
    if at(middle) <= time then low = middle + 1 else high = middle end
  end
  return length - low
end

local remaining, wait, most, longest = math.huge, 0, 0, 0
for index = 1, #ARGV, 2 do
  local limit, time = tonumber(ARGV[index]), tonumber(ARGV[index + 1])
  remaining = math.min(remaining, limit - younger_than(now - time))
  if length >= limit then wait = math.max(wait, at(-limit) + time - now) end
  most, longest = math.max(most, limit), math.max(longest, time)
end
if remaining < 1 then return {0, 0, wait} end

redis.call('RPUSH', KEYS[1], string.format('%.0f', now))
redis.call('LTRIM', KEYS[1], -most, -1)
redis.call('PEXPIRE', KEYS[1], math.ceil(longest / 1000))
return {1, remaining - 1, 0}
