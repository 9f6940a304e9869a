"""The balancer measured beside its peers, in a container that has nothing else.

`make bench`, `make bench-failover`, `make soak`; how to read them: docs/performance.md.
"""
