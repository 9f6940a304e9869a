import pytest

from chassis.identity import instance_from_hostname, instance_name


@pytest.mark.parametrize(
    ("hostname", "instance"),
    [
        ("holdfast-orders-a-1.holdfast-inside", "orders-a-1"),
        ("holdfast-orders-a-12.holdfast-inside", "orders-a-12"),
        ("my_project_orders-a-2.net", "orders-a-2"),
        ("orders-a-3", "orders-a-3"),
        ("holdfast-orders-b-1.holdfast-inside", None),
        ("holdfast-reorders-a-1.holdfast-inside", None),
        ("3f2a9c1b7d5e", None),
    ],
)
def test_the_instance_is_in_the_name_that_dns_gives(hostname: str, instance: str | None) -> None:
    assert instance_from_hostname(hostname, "orders", "a") == instance


def test_a_given_name_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INSTANCE", "orders-x-9")
    assert instance_name("orders", "a") == "orders-x-9"
