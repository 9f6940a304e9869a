"""What Prometheus is told."""

from loadbalancer.observe.report import exposition, numbers
from loadbalancer.pools.instance import State
from tests.unit.loadbalancer.script import Make


def test_instances_that_call_themselves_alike_are_told_apart(make: Make) -> None:
    script = make(3)
    gone, one, other = script.pool.instances.values()
    for instance in (gone, one, other):
        instance.rename("web")
    gone.state = State.GONE
    text = exposition([script.pool], numbers([script.pool], [script.front], 0), script.now)
    series = [line.rpartition(" ")[0] for line in text.splitlines() if line[0] != "#"]
    assert len(series) == len(set(series))
    assert f'target="{gone.address}"' in text
    assert f'target="{other.address}"' in text
    assert 'balancer_instance_up{pool="p",target="web",zone=""} 1' in text
