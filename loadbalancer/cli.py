"""The command line."""

from __future__ import annotations

import argparse
import gc
import resource
import sys
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from loadbalancer.balancer import Balancer
from loadbalancer.config.config import Config, ConfigError, check_workers, load, quick
from loadbalancer.config.share import cores, share
from loadbalancer.listeners.certificates import Certificates
from loadbalancer.observe.events import Events
from loadbalancer.workers.parent import Parent

if TYPE_CHECKING:
    from loadbalancer.workers.mate import Mate

_BAD_CONFIG = 2
_EXAMPLES = """\
examples:
  python -m loadbalancer --listen 127.0.0.1:8080 --backend 127.0.0.1:9001 --backend 127.0.0.1:9002
  python -m loadbalancer --listen 0.0.0.0:5432 --backend db-1:5432 --backend db-2:5432 --tcp
  python -m loadbalancer --config balancer.toml --check
  python -m loadbalancer --listen 127.0.0.1:8080 --backend 127.0.0.1:9001 --workers 0

signals: SIGHUP takes the configuration anew, SIGTERM drains and ends.
Everything else is in loadbalancer/README.md.
"""


def main(arguments: list[str] | None = None) -> None:
    """Starts a balancer and returns when it has stopped; a bad configuration ends with status 2."""
    options = _parser().parse_args(arguments)
    try:
        config = _config(options)
        if options.check:
            Certificates.read(config)
            sys.stdout.write(f"{options.config or 'command line'}: good\n")
            return
        _start(config, partial(_config, options) if options.config else None)
    except ConfigError as error:
        _refuse(error)


def _refuse(error: ConfigError) -> NoReturn:
    sys.stderr.write(f"loadbalancer: {error}\n")
    sys.exit(_BAD_CONFIG)


def _start(config: Config, read: partial[Config] | None) -> None:
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # two sockets a request
    gc.freeze()  # what was imported stays: no use looking at it again and again
    alone = cores(config) == 1
    events = Events(config.instance, config.zone, worker=None if alone else 0)
    with closing(events):
        if alone:
            _run(Balancer(config, events, read))
        else:
            Parent(config, events, read, _work).run()


def _work(config: Config, mate: Mate) -> None:
    """What each of several workers does."""
    with closing(Events(config.instance, config.zone, worker=mate.number)) as events:
        _run(Balancer(share(config), events, mate=mate))


def _run(balancer: Balancer) -> None:
    try:
        import uvloop  # noqa: PLC0415 - twice as fast, but not everywhere
    except ImportError:  # pragma: no cover - where there is no wheel of it
        import asyncio  # noqa: PLC0415 - instead

        asyncio.run(balancer.run())
    else:
        uvloop.run(balancer.run())


def _config(options: argparse.Namespace) -> Config:
    if options.workers is not None:
        check_workers(options.workers, "--workers")
    if options.config is not None:
        if options.listen or options.backend or options.tcp or options.check_path:
            raise ConfigError("--config: with a file, --workers is all that can be said besides")
        return load(options.config, workers=options.workers)
    if not options.listen or not options.backend:
        raise ConfigError("either --config, or --listen with at least one --backend")
    return quick(
        options.listen,
        options.backend,
        check=options.check_path,
        tcp=options.tcp,
        workers=1 if options.workers is None else options.workers,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m loadbalancer",
        description="A load balancer for HTTP/1.1 and TCP.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--config", type=Path, metavar="FILE", help="a TOML file")
    parser.add_argument(
        "--check", action="store_true", help="only say whether FILE is good, by line and key"
    )
    parser.add_argument(
        "--workers", type=int, metavar="N",
        help="processes; 0: all cores, one on each (default: what FILE says, or 1)",
    )  # fmt: skip
    quick_form = parser.add_argument_group("without a file")
    quick_form.add_argument("--listen", metavar="HOST:PORT", help="accept here")
    quick_form.add_argument(
        "--backend", action="append", metavar="HOST:PORT", help="an instance; once for each"
    )
    quick_form.add_argument(
        "--tcp", action="store_true", help="pass connections on as they are, whatever they carry"
    )
    quick_form.add_argument(
        "--check-path", default="", metavar="PATH",
        help="ask this path whether a backend is ready; else its port has to open",
    )  # fmt: skip
    return parser
