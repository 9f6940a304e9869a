"""Hours of everything at once, and whether the balancer is still as big as it was: `make soak`."""
