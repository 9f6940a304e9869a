"""Looking at what is overdue, where the end of one thing changes another."""

from loadbalancer.datapath.exchange import Exchange
from loadbalancer.datapath.sides import Phase
from loadbalancer.listeners.network import Network
from tests.unit.loadbalancer.script import LIMITS, Caller, Make


def test_who_gets_a_place_at_the_last_moment_has_it(make: Make) -> None:
    """Both are overdue at one look: whichever is looked at first, no instance is blamed for it."""
    for _ in range(20):
        script = make(1, max_requests=1, deadline=1.0, max_wait=0.5)
        script.ask()
        script.connect()
        first = script.exchange
        script.now += 0.55
        second = Exchange(Caller(), script.front, script.pool, first.head, script.now)
        second.begin(b"")
        assert list(script.pool.waiting) == [second]
        network = Network(LIMITS)
        network._fronts = [script.front]
        script.now += 0.51
        network.sweep(script.now)
        assert first.phase is Phase.DONE
        assert second.phase in {Phase.CONNECTING, Phase.DONE}
        assert script.pool.instances["10.0.0.1:0"].ejection.failures == 1  # the first one's
