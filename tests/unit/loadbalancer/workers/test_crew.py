"""The crew of workers as scripts of what happens to them."""

from loadbalancer.workers.crew import Crew, Kill, Lead, Start, Stop


class Script:
    def __init__(self, size: int) -> None:
        self.now = 100.0
        self.crew = Crew(size)

    def due(self, after: float = 0.0) -> list[object]:
        """What is done by then; who is to be started is."""
        self.now += after
        actions = self.crew.due(self.now)
        for action in actions:
            if isinstance(action, Start):
                self.crew.started(action.worker, self.now)
        return [*actions, *(self.crew.due(self.now) if actions else [])]

    def speak(self, *workers: int) -> None:
        for worker in workers:
            self.crew.heard(worker, self.now)

    def die(self, worker: int, after: float = 0.0) -> float:
        self.now += after
        return self.crew.died(worker, self.now)


def test_all_are_started_and_the_first_leads() -> None:
    script = Script(3)
    assert script.due() == [Start(1), Start(2), Start(3), Lead(1)]
    script.speak(1, 2, 3)
    assert script.due(1) == []


def test_another_leads_at_once_when_the_leader_dies_and_keeps_it() -> None:
    script = Script(2)
    script.due()
    script.speak(1, 2)
    assert script.die(1, after=1) == 0.0
    assert script.due() == [Start(1), Lead(2)]
    script.speak(1, 2)
    assert script.due(1) == []
    assert script.crew.leader == 2


def test_who_dies_again_and_again_waits_longer_up_to_a_limit() -> None:
    script = Script(1)
    waits = []
    for _ in range(9):
        while not script.crew.running:
            script.due(after=0.01)
        waits.append(round(script.die(1, after=0.5), 3))
    assert waits == [0.0, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0, 5.0]
    assert script.due() == []
    script.due(after=5)
    assert script.die(1, after=11) == 0.0


def test_who_is_silent_is_killed_but_not_while_it_starts() -> None:
    script = Script(2)
    script.due()
    assert script.due(6) == []
    script.speak(1, 2)
    assert script.due(4) == []
    script.speak(2)
    assert script.due(2) == [Kill(1), Kill(1)]


def test_a_smaller_crew_keeps_a_leader_that_stays() -> None:
    script = Script(2)
    script.due()
    script.speak(1, 2)
    script.die(1)
    script.due()
    assert script.crew.leader == 2
    script.speak(1, 2)
    script.crew.resize(1)
    assert script.due() == [Stop(2), Lead(1)]
    script.die(2)
    assert script.due(1) == []
    script.crew.resize(2)
    assert script.due() == [Start(2)]


def test_nobody_is_started_while_stopping() -> None:
    script = Script(2)
    script.due()
    script.crew.stop()
    script.die(1)
    assert script.due(1) == [Lead(2)]
    script.die(2)
    assert script.due(10) == []
    assert script.crew.leader is None
