"""What callers notice when a backend dies, hangs, errs or restarts: `make bench-failover`.

Every peer at its defaults and at its best, and this balancer at its defaults, all with the same
backends, load and faults. The result is reports/bench/failover.json and a table.
"""
