-- wrk's script for open-loop load: sends the requests of the file in its first argument at a fixed rate (the second, per
-- second), whatever the responses. Each line of the file in its third argument is one event: `late` and the send delay
-- in microseconds, or a response's status and the microseconds since its request was sent.
--
-- The time of sending is the request's id, which the service returns with the response: wrk itself has no latencies by
-- status.
local ffi = require("ffi")
ffi.cdef("typedef struct { long seconds, nanoseconds; } moment; int clock_gettime(int clock, moment *now);")
local MONOTONIC = 1

local moment = ffi.new("moment")
local requests, rate, log, begun
local due, sent = 0, 0

local function now_us()
  ffi.C.clock_gettime(MONOTONIC, moment)
  return tonumber(moment.seconds) * 1e6 + tonumber(moment.nanoseconds) / 1e3
end

function init(args)
  requests, rate, log = dofile(args[1]), tonumber(args[2]), assert(io.open(args[3], "w"))
end

function delay()
  local now = now_us()
  begun = begun or now
  local wait = begun + due / rate * 1e6 - now
  due = due + 1
  log:write(string.format("late %d\n", math.max(0, -wait)))
  return math.max(0, math.floor(wait / 1e3))
end

function request()
  sent = sent + 1
  local text = requests[(sent - 1) % #requests + 1]
  return string.format("%sX-Request-ID: %d\r\n\r\n", text:sub(1, -3), now_us())
end

function response(status, headers)
  log:write(string.format("%d %d\n", status, now_us() - tonumber(headers["x-request-id"])))
end

function done(summary)
  local errors = summary.errors
  io.write(string.format(
    '{"duration_us": %d, "broken": %d}\n',
    summary.duration, errors.connect + errors.read + errors.write + errors.timeout))
end
