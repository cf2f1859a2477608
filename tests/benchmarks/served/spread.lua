-- Any of many pages, each as likely: /many/0 to /many/N-1. Argument: N. Reports as report.lua does.
local count = 1
local rest = " HTTP/1.1\r\nHost: site\r\n\r\n"

function init(arguments)
  count = tonumber(arguments[1])
  math.randomseed(1)
end

function request()
  return "GET /many/" .. math.random(0, count - 1) .. rest
end

function done(summary, latency)
  local errors = summary.errors
  local failures = errors.connect + errors.read + errors.write + errors.timeout + errors.status
  print(string.format('{"requests": %d, "microseconds": %d, "failures": %d, "p50": %.0f, "p99": %.0f}',
    summary.requests, summary.duration, failures, latency:percentile(50), latency:percentile(99)))
end
