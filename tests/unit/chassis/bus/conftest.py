import pytest

from chassis.bus import consumer


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consumer, "_BACKOFF_SECONDS", (0.0,))
