-- An answer of 1 MiB.
dofile((os.getenv("BENCH_CONF") or ".") .. "/report.lua")
wrk.path = "/large"
wrk.headers["Host"] = "shop"
