"""What a DSN names."""

from __future__ import annotations

import pytest

from chassis.store.servers import Server, read_servers


def test_all_servers_are_read() -> None:
    dsn = "postgresql://orders:p%40ss@postgres-a:5432,postgres-b:6000,postgres-c/orders?x=y"
    assert read_servers(dsn) == [
        Server("postgres-a", 5432),
        Server("postgres-b", 6000),
        Server("postgres-c", 5432),
    ]


def test_a_dsn_without_a_password_or_a_database_will_do() -> None:
    assert read_servers("postgres://here") == [Server("here", 5432)]


@pytest.mark.parametrize("dsn", ["", "orders", "postgresql://", "postgresql:///orders"])
def test_what_names_no_server_is_refused(dsn: str) -> None:
    with pytest.raises(ValueError, match="A DSN is"):
        read_servers(dsn)
