"""`python -m loadbalancer`: see `--help`."""

from loadbalancer.cli import main

if __name__ == "__main__":
    main()
