"""Passive checks of one instance."""

from loadbalancer.pools.ejection import Ejection
from loadbalancer.pools.settings import EjectSettings

SETTINGS = EjectSettings(failures=3, errors=5, seconds=5, longest=12, forgiven_after=60)


def test_failures_in_a_row_and_only_those_in_a_row() -> None:
    ejection = Ejection(SETTINGS)
    assert [ejection.failed() for _ in range(2)] == [False, False]
    ejection.fine()
    assert [ejection.failed() for _ in range(3)] == [False, False, True]


def test_errors_are_counted_apart_and_an_error_is_an_answer() -> None:
    ejection = Ejection(SETTINGS)
    ejection.failed()
    ejection.failed()
    assert [ejection.erred() for _ in range(5)] == [False] * 4 + [True]
    assert ejection.failures == 0


def test_it_comes_back_only_after_its_time_and_a_good_check() -> None:
    ejection = Ejection(SETTINGS)
    ejection.eject("why", now=100)
    assert [ejection.check_succeeded(now) for now in (104.9, 105, 106)] == [False, True, False]
    assert (ejection.active, ejection.errors) == (False, 0)


def test_who_is_back_is_out_again_after_one_more_failure() -> None:
    ejection = Ejection(SETTINGS)
    ejection.eject("why", now=100)
    ejection.check_succeeded(105)
    assert ejection.failed()


def test_who_is_back_and_answers_well_is_as_good_as_any() -> None:
    ejection = Ejection(SETTINGS)
    ejection.eject("why", now=100)
    assert not ejection.doubted(104)
    ejection.check_succeeded(105)
    assert ejection.doubted(105)
    ejection.fine()
    assert not ejection.doubted(105)
    assert not ejection.failed()


def test_who_is_back_and_answers_with_an_error_is_doubted_still() -> None:
    ejection = Ejection(SETTINGS)
    ejection.eject("why", now=100)
    ejection.check_succeeded(105)
    assert not ejection.erred()
    assert ejection.doubted(106)


def test_who_is_back_is_doubted_also_where_one_failure_is_enough() -> None:
    ejection = Ejection(EjectSettings(failures=1))
    ejection.eject("why", now=100)
    ejection.check_succeeded(105)
    assert ejection.doubted(106)
    ejection.fine()
    assert not ejection.doubted(106)


def test_doubt_lasts_as_long_as_the_ejection_did() -> None:
    ejection = Ejection(SETTINGS)
    ejection.eject("why", now=100)
    ejection.check_succeeded(105)
    assert [ejection.doubted(now) for now in (109.9, 110)] == [True, False]


def test_each_ejection_is_longer_up_to_a_limit_and_forgiven_after_a_time() -> None:
    ejection = Ejection(SETTINGS)
    now, lasted = 0.0, []
    for _ in range(4):
        lasted.append(ejection.eject("why", now))
        now += lasted[-1]
        ejection.check_succeeded(now)
    assert lasted == [5, 10, 12, 12]
    assert ejection.total == 4
    assert ejection.eject("why", now + 61) == 5


def test_no_second_ejection_while_one_lasts() -> None:
    ejection = Ejection(SETTINGS)
    ejection.eject("why", now=0)
    assert not any(ejection.failed() for _ in range(10))
