from typing import Any

from gamedays.workloads.whole import kafka_lacks, postgres_lacks, redis_lacks
from loadtests.watch.seen import Gone, RedisMember, RedisSeen

ROLES = {
    "primary of postgres": ["postgres-a-1"],
    "standby of postgres": ["postgres-b-1", "postgres-c-1"],
    "synchronous standby of postgres": ["postgres-b-1"],
}


def topic(*in_sync: list[int]) -> dict[str, Any]:
    partitions = [{"replica_nodes": [1, 2, 3], "isr_nodes": nodes} for nodes in in_sync]
    return {"name": "orders", "partitions": partitions}


def members(*well: bool) -> RedisSeen:
    names = [f"redis-{zone}-{n}" for n in (1, 2) for zone in "abc"]
    return RedisSeen(
        "ok",
        tuple(
            RedisMember(name, name[6], name.endswith("1"), fine, 0, None)
            for name, fine in zip(names, well, strict=True)
        ),
    )


def test_kafka_is_whole_when_every_copy_has_caught_up() -> None:
    assert list(kafka_lacks([topic([1, 2, 3], [3, 1, 2])])) == []
    assert list(kafka_lacks([topic([1, 2, 3], [1, 2], [3])])) == [
        "2 partitions of orders lack a copy"
    ]


def test_redis_is_whole_with_three_primaries_and_their_replicas() -> None:
    assert list(redis_lacks(members(*[True] * 6))) == []
    assert list(redis_lacks(members(*[True] * 5, False))) == [
        "Redis has 5 members, 3 of them primaries"
    ]
    assert list(redis_lacks(members(False, *[True] * 5))) == [
        "Redis has 5 members, 2 of them primaries"
    ]
    assert list(redis_lacks(Gone("refused"))) == ["Redis does not answer"]


def test_postgres_is_whole_with_both_standbys_one_of_them_synchronous() -> None:
    assert list(postgres_lacks(ROLES)) == []
    alone = {**ROLES, "standby of postgres": ["postgres-b-1"]}
    assert list(postgres_lacks(alone)) == ["Postgres: standby: 1 of 2"]
    assert len(list(postgres_lacks({}))) == 3
