import pytest

from loadtests.plan import Plan, PlanError, seconds


def test_orders_take_their_share_of_the_rate() -> None:
    plan = Plan.from_env({"RATE": "110", "ORDERS": "10"})
    assert plan.browse_rate == 60
    assert plan.order_rate == 10


def test_users_are_as_many_as_the_rates_need() -> None:
    plan = Plan.from_env({"RATE": "110", "ORDERS": "10"})
    assert (plan.browsers, plan.buyers) == (30, 20)
    assert plan.browser_rate == 2
    assert plan.buyer_rate == 0.5


def test_given_users_are_shared_out_in_the_same_proportion_and_keep_the_rate() -> None:
    plan = Plan.from_env({"RATE": "110", "ORDERS": "10", "USERS": "100"})
    assert (plan.browsers, plan.buyers) == (60, 40)
    assert plan.browser_rate * plan.browsers == pytest.approx(60)


def test_at_a_flash_sale_most_have_come_to_buy() -> None:
    assert Plan.from_env({"RATE": "60", "SHAPE": "flash-sale"}).order_rate == 10
    assert Plan.from_env({"RATE": "60"}).order_rate == 4


def test_one_user_alone_buys_when_there_are_orders_to_place() -> None:
    plan = Plan.from_env({"RATE": "30", "ORDERS": "1", "USERS": "1"})
    assert (plan.browsers, plan.buyers) == (0, 1)
    assert plan.browse_rate == 0


def test_without_orders_nobody_buys() -> None:
    plan = Plan.from_env({"RATE": "50", "ORDERS": "0"})
    assert (plan.buyers, plan.order_rate, plan.buyer_rate) == (0, 0, 0)


def test_accounts_are_bounded() -> None:
    assert Plan.from_env({"RATE": "2000", "ORDERS": "100"}).accounts == 32


def test_edges_are_a_list() -> None:
    assert Plan.from_env({"EDGES": "http://x:1,http://y:2"}).edges == ("http://x:1", "http://y:2")


@pytest.mark.parametrize(
    ("text", "expected"), [("90", 90), ("90s", 90), ("2m", 120), ("1m30s", 90), ("0.5h", 1800)]
)
def test_times(text: str, expected: float) -> None:
    assert seconds(text) == expected


@pytest.mark.parametrize(
    "env",
    [
        {"TIME": "soon"},
        {"TIME": "0s"},
        {"TIME": "2m x"},
        {"RATE": "fast"},
        {"RATE": "-1"},
        {"RATE": "nan"},
        {"SHAPE": "round"},
        {"RATE": "0"},
        {"SEED": "x"},
    ],
)
def test_nonsense_is_refused_by_name(env: dict[str, str]) -> None:
    with pytest.raises(PlanError, match="|".join(env)):
        Plan.from_env(env)
