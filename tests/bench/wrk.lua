-- Requests of a file, each after a line with its length, one after the other; the outcome as JSON.
local requests, at = {}, 0

function init(arguments)
  local file = assert(io.open(arguments[1], "rb"))
  while true do
    local length = file:read("*l")
    if not length then break end
    requests[#requests + 1] = file:read(tonumber(length))
  end
  file:close()
end

function request()
  at = at % #requests + 1
  return requests[at]
end

function done(summary, latency)
  local e = summary.errors
  local form = '{"answers": %d, "errors": %d, "seconds": %f, "p99": %f}\n'
  local errors = e.connect + e.read + e.write + e.status + e.timeout
  io.stdout:write(form:format(summary.requests, errors, summary.duration / 1e6, latency:percentile(99) / 1e6))
end
