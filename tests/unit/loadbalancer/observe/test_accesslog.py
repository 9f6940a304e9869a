"""What the access log says about a request."""

from typing import Any

import pytest

from loadbalancer.observe.accesslog import line
from tests.unit.loadbalancer.script import POST, Caller, Make, Script


def log(script: Script) -> dict[str, Any]:
    return line(script.exchange, script.now)


def test_where_the_time_went(make: Make) -> None:
    script = make()
    script.ask(b"Content-Length: 2", b"X-Request-Id: r-1", start=POST)
    script.now += 0.01
    script.exchange.receive(b"hi")
    script.now += 0.02
    link = script.connect()
    script.now += 0.03
    script.answer(b"Content-Length: 5")
    script.now += 0.04
    script.exchange.answer_data(b"hello")
    assert log(script) == {
        "method": "POST", "host": "x", "target": "/", "status": 200, "client": "9.9.9.9",
        "pool": "p", "to": link.instance.name, "request_id": "r-1",
        "ms": pytest.approx(100),
        "phases": {
            "receive": pytest.approx(10), "queue": 0, "connect": pytest.approx(20),
            "first_byte": pytest.approx(30), "answer": pytest.approx(40),
        },
        "tries": [{"instance": link.instance.name, "outcome": "status 200",
                   "ms": pytest.approx(90)}],
    }  # fmt: skip


def outcomes(script: Script) -> list[str]:
    return [one["outcome"] for one in log(script)["tries"]]


def test_every_try_with_its_instance_and_outcome(make: Make) -> None:
    script = make(3)
    script.ask()
    script.exchange.connect_failed()
    script.connect()
    script.now += 0.01
    script.exchange.link_lost()
    script.connect()
    script.answer(b"Content-Length: 0")
    tries = log(script)["tries"]
    assert [one["outcome"] for one in tries] == [
        "cannot connect", "connection broken", "status 200",
    ]  # fmt: skip
    assert [one["instance"] for one in tries] == [i.name for i in script.dials]
    assert tries[1]["ms"] == pytest.approx(10)


def test_hedges(make: Make) -> None:
    for link, said in ((0, ["another was answered first", "status 200"]),
                       (1, ["late", "status 200"])):  # fmt: skip
        script = make()
        script.ask()
        script.connect()
        script.later(0.21)
        script.connect()
        script.answer(b"Content-Length: 0", link=link)
        assert outcomes(script) == said


def test_nobody_was_asked(make: Make) -> None:
    script = make(0)
    script.ask()
    assert log(script)["status"] == 503
    assert log(script)["to"] == ""
    assert log(script)["tries"] == []
    assert log(script)["phases"] == {"receive": 0}


def test_waiting_for_a_place_is_seen(make: Make) -> None:
    script = make(max_requests=1)
    script.ask()
    script.connect()
    first, script.caller = script.exchange, Caller()
    script.ask()
    waited, script.exchange = script.exchange, first
    script.now += 0.3
    script.answer(b"Content-Length: 0", link=0)
    script.exchange = waited
    assert log(script)["phases"]["queue"] == pytest.approx(300)


def test_a_caller_that_left(make: Make) -> None:
    script = make()
    script.ask()
    script.connect()
    script.exchange.caller_lost()
    assert log(script)["status"] == 499
    assert outcomes(script) == ["no answer"]
