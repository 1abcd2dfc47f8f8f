-- wrk's own words are rounded for people; this line has its figures as they are (times in microseconds).
done = function(summary, latency)
  local e = summary.errors
  io.write(string.format(
    '\nsummary {"requests":%d,"duration":%d,"p50":%d,"p99":%d,"connect":%d,"read":%d,"write":%d,"status":%d,"timeout":%d}\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    e.connect, e.read, e.write, e.status, e.timeout))
end
