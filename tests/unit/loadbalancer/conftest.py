"""Scripts whose clock is their own."""

from typing import Any

import pytest

from loadbalancer.datapath import exchange, tries
from tests.unit.loadbalancer.script import Make, Script


@pytest.fixture
def make(monkeypatch: pytest.MonkeyPatch) -> Make:
    def script(instances: int = 2, **options: Any) -> Script:
        made = Script(instances, **options)
        for module in (exchange, tries):
            monkeypatch.setattr(module, "clock", lambda: made.now)
        return made

    return script
