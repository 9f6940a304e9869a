"""What ties requests to an instance, and the way of a late one, through the real balancer."""

import json
import signal

from tests.integration.loadbalancer.harness import Answer, Start, wait_until


def served_by(answer: Answer) -> str:
    assert answer.status == 200
    return answer.headers["x-served-by"]


def test_a_cookie_brings_a_caller_back_until_its_instance_dies(cluster: Start) -> None:
    made = cluster(3, pool='sticky_cookie = "lb"')
    first = made.ask("GET", "/x")
    cookie = first.headers["set-cookie"]
    assert "; HttpOnly" in cookie
    mine = {"Cookie": "theme=dark; " + cookie.partition(";")[0]}
    for _ in range(6):
        again = made.ask("GET", "/x", headers=mine)
        assert served_by(again) == served_by(first)
        assert "set-cookie" not in again.headers
    next(b for b in made.backends if b.name == served_by(first)).kill()
    moved = made.ask("GET", "/x", headers=mine)
    assert served_by(moved) != served_by(first)
    assert moved.headers["set-cookie"] != cookie


def test_a_key_meets_the_same_instance_and_another_one_when_that_dies(cluster: Start) -> None:
    made = cluster(3, pool='policy = "hash"\nhash_on = "header:X-User"')

    def homes() -> dict[str, str]:
        users = [f"user-{n}" for n in range(30)]
        return {u: served_by(made.ask("GET", "/x", headers={"X-User": u})) for u in users}

    before = homes()
    assert homes() == before
    assert len(set(before.values())) == 3
    dead = made.backends[0]
    dead.kill()
    after = homes()
    assert all(after[u] == home for u, home in before.items() if home != dead.name)
    assert dead.name not in after.values()


def test_the_access_log_tells_of_a_hedge(cluster: Start) -> None:
    made = cluster(2, listener="access_log_sample = 1.0")
    made.backends[0].signal(signal.SIGSTOP)
    for _ in range(2):
        assert made.ask("GET", "/x").status == 200

    def hedged() -> list[dict[str, str]]:
        lines = [json.loads(text) for text in made.log.read_text().splitlines()]
        tries = [line["tries"] for line in lines if line["message"] == "request"]
        return next((one for one in tries if len(one) == 2), [])

    wait_until(lambda: bool(hedged()), "a line")
    assert [(one["instance"], one["outcome"]) for one in hedged()] == [
        ("x-a-1", "late"), ("x-a-2", "status 200"),
    ]  # fmt: skip
    made.backends[0].signal(signal.SIGCONT)
