import pytest

from services.catalog.copies import Copy


def test_a_copy_survives_redis_as_it_was() -> None:
    copy = Copy.make(b'{"id":1}\nsecond line', asked=1000.125, now=1000.25, seconds=2, chance=0.5)

    assert Copy.decode(copy.encode()) == copy


@pytest.mark.parametrize(
    "value", [b"", b"nonsense", b"2 1.0 2.0\n{}", b"1 soon 2.0\n{}", b"1 1.0\n{}"]
)
def test_what_another_version_wrote_is_no_copy(value: bytes) -> None:
    assert Copy.decode(value) is None


def test_it_is_fresh_for_its_time_give_or_take_a_fifth() -> None:
    assert Copy.make(b"x", asked=1000, now=1000, seconds=10, chance=0).fresh_until == pytest.approx(
        1008
    )
    assert Copy.make(b"x", asked=1000, now=1000, seconds=10, chance=1).fresh_until == pytest.approx(
        1012
    )


def test_its_age_is_in_whole_seconds_and_never_negative() -> None:
    copy = Copy.make(b"x", asked=1000, now=1000, seconds=10, chance=0)

    assert copy.age(1003.9) == 3
    assert copy.age(999) == 0
