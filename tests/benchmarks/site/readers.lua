-- Readers of the whole site: the paths of a list, one after the other, from a place in it; and what they were told.
-- Arguments: the file of the list, and the number of the line to begin with.

local threads = {}
local requests = {}
local last = 0
hits = 0

function setup(thread)
  threads[#threads + 1] = thread
end

function init(arguments)
  for path in io.lines(arguments[1]) do
    requests[#requests + 1] = wrk.format("GET", path)
  end
  last = tonumber(arguments[2]) % #requests
end

function request()
  last = last % #requests + 1
  return requests[last]
end

-- RFC 9211: a cache that answered by itself says so in the first member.
function response(status, headers, body)
  local told = headers["cache-status"]
  if told and told:find("; hit", 1, true) then
    hits = hits + 1
  end
end

function done(summary, latency)
  local errors = summary.errors
  local failures = errors.connect + errors.read + errors.write + errors.timeout + errors.status
  local count = 0
  for _, thread in ipairs(threads) do
    count = count + thread:get("hits")
  end
  print(string.format('{"requests": %d, "microseconds": %d, "failures": %d, "p50": %.0f, "p99": %.0f, "hits": %d}',
    summary.requests, summary.duration, failures, latency:percentile(50), latency:percentile(99), count))
end
