"""Who has which slot, going by what nodes say."""

from chassis.store.slots import Shard, SlotMap

A, B, C = ("a" * 40, "b" * 40, "c" * 40)


def line(
    node: str, name: str, flags: str, *, primary: str = "-", epoch: int = 1, slots: str = ""
) -> str:
    return f"{node} 10.0.0.1:6379@16379,{name} {flags} {primary} 0 0 {epoch} connected {slots}\n"


KEY = "session:{a}:1"  # slot 15495


def test_a_key_is_at_the_primary_of_its_slot() -> None:
    slot_map = SlotMap({
        "seed:6379": line(A, "redis-a-1", "myself,master", slots="0-5460 5462")
        + line(B, "redis-b-1", "master", slots="5461 5463-16383 [1-<-abc]")
        + line(C, "redis-c-1", "slave", primary=B),
    })  # fmt: skip
    assert slot_map.shard(KEY) == Shard("redis-b-1:6379", ("redis-c-1:6379",))
    assert slot_map.shard("{b}") == Shard("redis-a-1:6379", ())  # slot 3300
    assert slot_map.primaries == {"redis-a-1:6379", "redis-b-1:6379"}
    assert slot_map.nodes == {"redis-a-1:6379", "redis-b-1:6379", "redis-c-1:6379"}


def test_keys_of_one_tag_are_together() -> None:
    slot_map = SlotMap({"seed:1": line(A, "a", "master", slots="15495")})
    assert slot_map.shard("{a}") == slot_map.shard("sessions:{a}") is not None
    assert slot_map.shard("sessions:a") is None


def test_the_higher_epoch_is_right_whoever_answers_first() -> None:
    old = line(A, "was", "myself,master", epoch=1, slots="0-16383")
    new = line(B, "is", "myself,master", epoch=7, slots="0-16383")
    for answers in ({"was:1": old, "is:1": new}, {"is:1": new, "was:1": old}):
        shard = SlotMap(answers).shard(KEY)
        assert shard is not None
        assert shard.primary == "is:6379"


def test_a_replica_that_is_gone_is_none() -> None:
    slot_map = SlotMap({
        "seed:1": line(A, "a", "master", slots="0-16383")
        + line(B, "b", "slave,fail", primary=A)
        + line(C, "c", "slave,fail?", primary=A),
    })  # fmt: skip
    shard = slot_map.shard(KEY)
    assert shard is not None
    assert shard.replicas == ("c:6379",)


def test_a_node_without_a_name_is_known_by_its_address() -> None:
    text = f"{A} 10.0.0.7:7000@17000 master - 0 0 1 connected 0-16383\n"
    shard = SlotMap({"seed:1": text}).shard(KEY)
    assert shard == Shard("10.0.0.7:7000", ())


def test_a_node_that_does_not_know_its_address_has_the_one_it_was_asked_at() -> None:
    text = f"{A} :6379@16379 myself,master - 0 0 1 connected 0-16383\n"
    assert SlotMap({"seed:1": text}).shard(KEY) == Shard("seed:1", ())


def test_nobody_knows_anything_yet() -> None:
    assert SlotMap({}).shard(KEY) is None
    assert SlotMap({"seed:1": line(A, "a", "myself,master")}).shard(KEY) is None
