"""The certificates of all listeners: read, and read again when their files change."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from loadbalancer.config.table import ConfigError
from loadbalancer.listeners.tls import Stamp, TlsSettings, context_for, stamp

if TYPE_CHECKING:
    from loadbalancer.config.config import Config
    from loadbalancer.datapath.front import Front


class Certificates:
    """A certificate that turns bad leaves the one before in place."""

    def __init__(self, tell: Callable[..., object]) -> None:
        self._tell = tell
        self._fronts: dict[str, Front] = {}
        self._stamps: dict[str, Stamp | None] = {}

    @staticmethod
    def read(config: Config) -> dict[str, ssl.SSLContext]:
        """By listener.

        Raises:
            ConfigError: a certificate is not good.
        """
        try:
            return {
                front.name: context_for(front.tls, f"listeners.{front.name}.tls")
                for front, _ in config.listeners
                if front.tls
            }
        except ConfigError as error:
            raise config.located(error) from error

    def hand_over(
        self, contexts: Mapping[str, ssl.SSLContext], fronts: Mapping[str, Front]
    ) -> None:
        """Each listener gets its own."""
        self._fronts = {name: front for name, front in fronts.items() if name in contexts}
        for name, front in fronts.items():
            front.context = contexts.get(name)
        self._stamps = {name: stamp(tls) for name, tls in self._wanted().items()}

    def _wanted(self) -> dict[str, TlsSettings]:
        return {name: front.settings.tls for name, front in self._fronts.items()
                if front.settings.tls}  # fmt: skip

    def look(self) -> list[str]:
        """Reads what has changed; gives the listeners that have another certificate now."""
        changed = []
        for name, tls in self._wanted().items():
            seen = stamp(tls)
            if seen == self._stamps[name]:
                continue
            self._stamps[name] = seen
            try:
                self._fronts[name].context = context_for(tls, f"listeners.{name}.tls")
            except ConfigError as error:
                self._tell("certificate refused", level="ERROR", listener=name, reason=str(error))
                continue
            self._tell("certificate taken", listener=name)
            changed.append(name)
        return changed
