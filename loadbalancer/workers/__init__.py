"""Several processes as one balancer: a small parent, and what the workers agree on through it."""
