-- The shortest honest request.
dofile((os.getenv("BENCH_CONF") or ".") .. "/report.lua")
wrk.path = "/"
wrk.headers["Host"] = "shop"
