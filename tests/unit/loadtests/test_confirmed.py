import pytest

from loadtests.confirmed import Plan, said


def test_forty_orders_by_the_first_edge_unless_told_otherwise() -> None:
    assert Plan.from_env({}) == Plan(40, "http://127.0.0.1:8080")
    told = {"COUNT": "7", "EDGES": "http://a:8080,http://b:8080"}
    assert Plan.from_env(told) == Plan(7, "http://a:8080")


@pytest.mark.parametrize("count", ["0", "-1", "1001", "many", "1.5"])
def test_a_count_that_is_none_is_said(count: str) -> None:
    with pytest.raises(ValueError, match=r"COUNT=.*from 1 to 1,000"):
        Plan.from_env({"COUNT": count})


def test_the_middle_one_in_ten_and_the_slowest_are_said() -> None:
    waited = [tenths / 10 for tenths in range(11)]
    assert said(waited) == (
        "11 orders confirmed: 0.50 s in the middle, 0.90 s or more for one in ten, 1.00 s at most"
    )


def test_a_single_order_is_all_three() -> None:
    told = said([0.25])
    assert told.startswith("1 order confirmed: ")
    assert told.count("0.25 s") == 3
