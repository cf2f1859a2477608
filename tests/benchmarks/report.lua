-- What the run was, as one line of JSON; times in microseconds. Errors of status are answers from 400 up.
function done(summary, latency, requests)
  local errors = summary.errors
  local failures = errors.connect + errors.read + errors.write + errors.timeout + errors.status
  local told = { requests = summary.requests, microseconds = summary.duration, failures = failures,
                 p50 = latency:percentile(50), p99 = latency:percentile(99) }
  local parts = {}
  for name, value in pairs(told) do
    parts[#parts + 1] = string.format('"%s": %.0f', name, value)
  end
  print("{" .. table.concat(parts, ", ") .. "}")
end
