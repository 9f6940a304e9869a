"""The command line."""

from __future__ import annotations

import argparse
import gc
import resource
import sys
from functools import partial
from pathlib import Path
from typing import NoReturn

from loadbalancer.balancer import Balancer
from loadbalancer.config import Config, ConfigError, load, quick
from loadbalancer.events import Events

_BAD_CONFIG = 2


def main(arguments: list[str] | None = None) -> None:
    """Starts a balancer and returns when it has stopped; a bad configuration ends with status 2."""
    options = _parser().parse_args(arguments)
    try:
        config = _config(options)
    except ConfigError as error:
        _refuse(error)
    if options.check:
        sys.stdout.write(f"{options.config or 'command line'}: good\n")
        return
    read = partial(load, options.config) if options.config else None
    try:
        _run(Balancer(config, Events(config.instance, config.zone), read))
    except ConfigError as error:
        _refuse(error)


def _refuse(error: ConfigError) -> NoReturn:
    sys.stderr.write(f"loadbalancer: {error}\n")
    sys.exit(_BAD_CONFIG)


def _run(balancer: Balancer) -> None:
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # two sockets a request
    gc.freeze()  # what was imported stays: no use looking at it again and again
    try:
        import uvloop  # noqa: PLC0415 - twice as fast, but not everywhere
    except ImportError:  # pragma: no cover - where there is no wheel of it
        import asyncio  # noqa: PLC0415 - instead

        asyncio.run(balancer.run())
    else:
        uvloop.run(balancer.run())


def _config(options: argparse.Namespace) -> Config:
    if options.config is not None:
        return load(options.config)
    if not options.listen or not options.backend:
        raise ConfigError("either --config, or --listen with at least one --backend")
    return quick(options.listen, options.backend, check=options.check_path)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m loadbalancer", description=__doc__)
    parser.add_argument("--config", type=Path, metavar="FILE", help="a TOML file")
    parser.add_argument("--check", action="store_true", help="only say whether FILE is good")
    parser.add_argument("--listen", metavar="HOST:PORT", help="without a file: accept here")
    parser.add_argument(
        "--backend", action="append", metavar="HOST:PORT", help="without a file: an instance"
    )
    parser.add_argument(
        "--check-path", default="", metavar="PATH",
        help="without a file: ask this path whether a backend is ready; else its port has to open",
    )  # fmt: skip
    return parser
