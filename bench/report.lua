-- For wrk: sends the prepared requests of a file (if one is named), and prints its result as one line of JSON.
-- A file holds pairs of lines: the signature's header, the body. They are sent in order, each once: when the
-- file is used up the last is not repeated, but the run says so.
local requests, sent = {}, 0

function init(args)
  if args[1] == nil then return end
  local file = assert(io.open(args[1], "r"))
  while true do
    local signature, body = file:read("*l"), file:read("*l")
    if body == nil then break end
    local headers = { ["Stripe-Signature"] = signature, ["Content-Type"] = "application/json" }
    requests[#requests + 1] = wrk.format("POST", nil, headers, body)
  end
  file:close()
  request = function()
    sent = sent + 1
    if sent > #requests then
      wrk.thread:stop()
      return requests[#requests]
    end
    return requests[sent]
  end
end

function done(summary, latency, _)
  local errors = summary.errors
  io.write(string.format(
    'RESULT {"requests": %d, "seconds": %.6f, "p50_ms": %.3f, "p99_ms": %.3f, "worst_ms": %.3f, "refused": %d, "broken": %d}\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3, latency.max / 1e3,
    errors.status, errors.connect + errors.read + errors.write + errors.timeout))
end
