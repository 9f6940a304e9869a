-- A request of 1 MiB.
dofile((os.getenv("BENCH_CONF") or ".") .. "/report.lua")
wrk.method = "POST"
wrk.path = "/upload"
wrk.headers["Host"] = "shop"
wrk.headers["Content-Type"] = "application/octet-stream"
wrk.body = string.rep("0123456789abcdef", 65536)
