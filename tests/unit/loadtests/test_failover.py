import pytest

from loadtests.failover import Again, Edges, Finished, Limits, after

LIMITS = Limits(whole=15.0, attempts=12, pause=0.1, pause_at_most=2.0)


def step(
    status: int, retry_after: float | None = None, attempts: int = 1, elapsed: float = 0.0
) -> Again | Finished:
    return after(status, retry_after, attempts, elapsed, LIMITS)


@pytest.mark.parametrize("status", [200, 201, 304, 400, 401, 404, 409, 422, 429, 500])
def test_an_answer_ends_it(status: int) -> None:
    assert step(status) == Finished()


def test_silence_goes_to_the_other_edge_at_once() -> None:
    assert step(0) == Again(0.0, other_edge=True, why="failover")


def test_silence_of_both_edges_backs_off() -> None:
    steps = [step(0, attempts=n) for n in range(2, 8)]
    waits = [0.2, 0.4, 0.8, 1.6, 2.0, 2.0]
    assert steps == [Again(wait, other_edge=True, why="failover") for wait in waits]


@pytest.mark.parametrize("status", [502, 504])
def test_a_balancer_without_an_instance_is_left_for_the_other(status: int) -> None:
    assert step(status) == Again(0.1, other_edge=True, why="failover")


def test_unavailable_waits_as_long_as_it_was_told() -> None:
    assert step(503, retry_after=3.0) == Again(3.0, other_edge=False, why="unavailable")


def test_a_request_still_running_is_asked_again() -> None:
    assert step(409, retry_after=1.0) == Again(1.0, other_edge=False, why="in-progress")


def test_nothing_is_tried_past_the_deadline() -> None:
    assert step(503, retry_after=5.0, elapsed=9.9) == Again(5.0, False, "unavailable")
    assert step(503, retry_after=5.0, elapsed=10.0) == Finished(gave_up=True)


def test_tries_are_bounded() -> None:
    assert step(0, attempts=12) == Finished(gave_up=True)


class TestEdges:
    def test_each_user_has_its_own(self) -> None:
        edges = Edges(2)
        assert [edges.choose(home) for home in (0, 1)] == [0, 1]

    def test_an_edge_that_refuses_is_left_alone_for_a_time_while_another_does_not(self) -> None:
        edges = Edges(2)
        edges.refused(0, until=10.0)
        assert [edges.choose(0, now=now) for now in (9.9, 10.0)] == [1, 0]
        edges.refused(1, until=10.0)
        assert [edges.choose(home, now=9.0) for home in (0, 1)] == [0, 1]
        edges.failed(0)
        assert edges.choose(0, now=9.0) == 1

    def test_a_dead_edge_is_left_alone_by_all_until_it_works(self) -> None:
        edges = Edges(2)
        edges.failed(0)
        assert edges.choose(0) == 1
        edges.worked(0)
        assert edges.choose(0) == 0

    def test_a_death_is_news_once(self) -> None:
        edges = Edges(2)
        assert [edges.failed(0), edges.failed(0), edges.failed(1)] == [True, False, True]

    def test_a_try_again_goes_elsewhere_even_if_that_was_down(self) -> None:
        edges = Edges(2)
        edges.failed(1)
        edges.failed(0)
        assert edges.choose(0, avoid=[0]) == 1

    def test_with_both_down_the_own_one_is_tried(self) -> None:
        edges = Edges(2)
        edges.failed(0)
        edges.failed(1)
        assert edges.choose(1) == 1

    def test_a_single_edge_is_all_there_is(self) -> None:
        edges = Edges(1)
        edges.failed(0)
        assert edges.choose(0, avoid=[0]) == 0
