"""A load balancer for HTTP/1.1: its own program, which needs nothing else of this repository."""
