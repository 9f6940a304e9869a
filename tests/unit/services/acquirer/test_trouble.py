import pytest

from chassis.problems import Unavailable
from services.acquirer.decisions import Knobs
from services.acquirer.errors import ProcessorFailed
from services.acquirer.trouble import Trouble

QUICK = Knobs(latency_ms=0, jitter_ms=0, error_rate=0)


class Shared:
    """The knobs in the database, and the clock."""

    def __init__(self, knobs: Knobs) -> None:
        self.knobs: Knobs | Unavailable = knobs
        self.reads = 0
        self.now = 100.0

    async def read(self) -> Knobs:
        self.reads += 1
        if isinstance(self.knobs, Unavailable):
            raise self.knobs
        return self.knobs

    def trouble(self, rand: float = 0.5) -> Trouble:
        return Trouble(self.read, clock=lambda: self.now, rand=lambda: rand)


async def test_knobs_are_read_once_a_second() -> None:
    shared = Shared(QUICK)
    trouble = shared.trouble()
    for _ in range(5):
        assert await trouble.knobs() == QUICK
    assert shared.reads == 1

    shared.knobs, shared.now = Knobs(), 101.0
    assert await trouble.knobs() == Knobs()
    assert shared.reads == 2


async def test_while_the_database_is_away_the_last_knobs_hold() -> None:
    shared = Shared(QUICK)
    trouble = shared.trouble()
    await trouble.knobs()
    shared.knobs, shared.now = Unavailable(), 105.0

    assert await trouble.knobs() == QUICK


async def test_turned_here_they_hold_here_at_once() -> None:
    shared = Shared(Knobs())
    trouble = shared.trouble()
    await trouble.knobs()
    trouble.turned(QUICK)

    assert await trouble.knobs() == QUICK


@pytest.mark.parametrize(("coin", "charged"), [(0.4, False), (0.6, True)])
async def test_an_error_comes_before_the_effect_or_after_it(coin: float, charged: bool) -> None:
    trouble = Shared(QUICK.model_copy(update={"error_rate": 1.0})).trouble(coin)
    effects = 0

    with pytest.raises(ProcessorFailed):
        async with trouble.around("tok_ok"):
            effects += 1

    assert effects == charged


async def test_without_mishap_it_only_takes_time() -> None:
    effects = 0
    async with Shared(QUICK).trouble().around("tok_ok"):
        effects += 1
    assert effects == 1
