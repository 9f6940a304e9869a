import pytest

from gamedays.scenario import ScenarioBroken, load, names, parse

GOOD = """
title = "An instance dies"
story = "Somebody kills it, and nobody should notice."
stands_for = {service = "ALB", figure = "10 s"}
steps = [{do = "kill", target = "orders-a-1", then_s = 5}, {do = "heal"}]

[holds]
probe = {gap_s = 0.5}
order = {gap_s = 1.5, errors = 0.01}
"""


def test_a_good_one_is_read() -> None:
    scenario = parse("good", GOOD)
    assert scenario.name == "good"
    assert [step.do for step in scenario.steps] == ["kill", "heal"]
    assert scenario.holds.sessions == "hold"
    assert scenario.load.buying > 0


@pytest.mark.parametrize("name", names())
def test_every_scenario_of_ours_can_be_read(name: str) -> None:
    scenario = load(name)
    assert scenario.title
    assert "  " not in scenario.story


def test_the_baseline_comes_first_and_breaks_nothing() -> None:
    assert names()[0] == "baseline"
    assert load("baseline").steps == ()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"kill"', '"explode"', r"good.toml: steps.0.do"),
        ('target = "orders-a-1", ', "", r"steps.0: .*kill needs a target"),
        ("gap_s = 0.5", "gap = 0.5", r"holds.probe.gap_s: Field required; holds.probe.gap: Extra"),
        ("gap_s = 0.5", "gap_s = -1", r"holds.probe.gap_s: .*greater than or equal to 0"),
        ("errors = 0.01", "errors = 2", r"holds.order.errors: .*less than or equal to 1"),
        (', {do = "heal"}', "", r"the last one must be heal"),
        ("title = ", "titel = ", r"title: Field required"),
        ("[holds]", "[holds", r"good.toml: "),
        ('do = "heal"', 'do = "acquirer"', r"acquirer needs knobs"),
        ('do = "heal"', 'do = "slow", target = "zone a"', r"slow needs it"),
        ('do = "heal"', 'do = "random"', r"random needs it"),
        ('"kill"', '"crash"', r"steps.0: .*crash needs it"),
        ('"kill"', '"fill"', r"scenario: .*fill needs it"),
    ],
)
def test_a_broken_one_is_refused_with_its_key(old: str, new: str, message: str) -> None:
    assert old in GOOD
    with pytest.raises(ScenarioBroken, match=message):
        parse("good", GOOD.replace(old, new, 1))


def test_a_fault_is_not_healed_before_its_bounds_are_over() -> None:
    """Else the healing brings back what the cluster should have: kill, heal in time, and pass."""
    for bound in ("recover_s = 5", "session = {gap_s = 5}"):
        text = GOOD.replace("[holds]", f"[holds]\n{bound}")
        with pytest.raises(ScenarioBroken, match=r"needs then_s over 5, the longest bound"):
            parse("good", text)
        parse("good", text.replace("then_s = 5", "then_s = 6"))  # is not refused
        parse("good", text.replace("[holds]", '[holds]\nrecover_since = "heal"'))  # is not refused
    with pytest.raises(ScenarioBroken, match=r"needs then_s over 9"):
        parse("good", GOOD.replace("gap_s = 1.5", "gap_s = 9"))


def test_a_fault_is_not_healed_before_it_must_have_been_noticed() -> None:
    text = GOOD.replace("[holds]", '[holds]\ndetect_s = 6\nrecover_since = "heal"')
    with pytest.raises(ScenarioBroken, match="needs then_s of detect_s or more"):
        parse("good", text)
    parse("good", text.replace("then_s = 5", "then_s = 6"))  # is not refused


def test_recovery_since_a_heal_needs_one() -> None:
    text = GOOD.replace("[holds]", '[holds]\nrecover_since = "heal"')
    assert parse("good", text).holds.recover_since == "heal"
    steps = GOOD[GOOD.index("steps") : GOOD.index("[holds]")]
    with pytest.raises(ScenarioBroken, match="there is no heal"):
        parse("good", text.replace(steps, ""))


def test_a_name_that_is_none_tells_which_there_are() -> None:
    with pytest.raises(
        ScenarioBroken, match=r"no scenario 'kill-all'; there are: baseline, .*zone"
    ):
        load("kill-all")
