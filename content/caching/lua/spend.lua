-- Spend from a budget that refills with time, unless it is empty (the generic cell rate algorithm of ATM).
-- KEYS: the time at which the budget is full again, in milliseconds
-- ARGV: milliseconds of refill that the spending takes, those that a full budget holds, 1 to spend in any case
-- Returns 0, or the milliseconds until it may be spent.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local cost, room = tonumber(ARGV[1]), tonumber(ARGV[2])
local stored = redis.pcall('GET', KEYS[1])
local full = math.max(now, type(stored) == 'string' and tonumber(stored) or 0)
-- A time that no spending leads to is not ours.
if not (full <= now + 3600000) then full = now end
local wait = math.ceil(full - now - room)
if wait > 0 and ARGV[3] ~= '1' then return wait end
full = math.min(full + cost, now + 3600000)
redis.call('SET', KEYS[1], string.format('%.0f', full), 'PX', math.ceil(full - now) + 1000)
return 0
