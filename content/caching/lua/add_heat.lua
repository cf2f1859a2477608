-- Add reads to the heat of entries. A score is log2 of the sum over reads of 2^(t / half-life): it never has to be
-- written again, since all reads decay alike.
-- KEYS: one sorted set a half-life
-- ARGV: now in seconds, or '' for this server's clock; the most members of a set; the half-life of each set in seconds;
--       then names and their reads, in turn
local now = tonumber(ARGV[1])
if not now then
  local time = redis.call('TIME')
  now = time[1] + time[2] / 1000000
end
local first = 3 + #KEYS
for index, key in ipairs(KEYS) do
  own(key, 'zset')
  local newest = now / tonumber(ARGV[2 + index])
  -- Another program's score, or that of a clock which was ahead: no count of reads leads to it.
  redis.call('ZREMRANGEBYSCORE', key, string.format('(%.17g', newest + 64), '+inf')
  for position = first, #ARGV, 2 do
    local score = newest + math.log(tonumber(ARGV[position + 1])) / math.log(2)
    local stored = tonumber(redis.call('ZSCORE', key, ARGV[position]) or nil)
    if stored and stored > -math.huge then
      local high, low = math.max(stored, score), math.min(stored, score)
      score = high + math.log(1 + 2 ^ (low - high)) / math.log(2)
    end
    redis.call('ZADD', key, string.format('%.17g', score), ARGV[position])
  end
  redis.call('ZREMRANGEBYRANK', key, 0, -1 - tonumber(ARGV[2]))
end
