-- For wrk: posts that might be Stripe's (the time is now, the signature is made up), paced to a rate; its result as one line of JSON.
-- Arguments: how many connections share the rate, posts a second in all.
local requests, sent, pause = {}, 0, 0

function init(args)
  pause = 1000 * tonumber(args[1]) / tonumber(args[2])
  local body = '{"id": "evt_forged", "object": "event", "filler": "' .. string.rep("x", 3000) .. '"}'
  math.randomseed(os.time())
  for _ = 1, 500 do
    local made_up = {}
    for digit = 1, 64 do made_up[digit] = string.format("%x", math.random(0, 15)) end
    local headers = { ["Stripe-Signature"] = "t=" .. os.time() .. ",v1=" .. table.concat(made_up), ["Content-Type"] = "application/json" }
    requests[#requests + 1] = wrk.format("POST", nil, headers, body)
  end
end

function delay() return pause * (0.5 + math.random()) end -- or all would send at the same moments

function request()
  sent = sent + 1
  return requests[sent % #requests + 1]
end

function done(summary, latency, _)
  local errors = summary.errors
  io.write(string.format(
    'RESULT {"requests": %d, "seconds": %.6f, "p50_ms": %.3f, "p99_ms": %.3f, "worst_ms": %.3f, "refused": %d, "broken": %d}\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3, latency.max / 1e3,
    errors.status, errors.connect + errors.read + errors.write + errors.timeout))
end
