from loadtests.shapes import Shape, at, sale_is_open, stages


def users_at(shape: Shape, users: int, seconds: float, *moments: float) -> list[int | None]:
    plan = stages(shape, users, seconds)
    return [stage.users if (stage := at(plan, moment)) else None for moment in moments]


def test_steady_is_the_same_until_it_ends() -> None:
    assert users_at("steady", 30, 60, 0, 59.9, 60) == [30, 30, None]


def test_spike_is_three_times_as_many_in_the_middle_fifth() -> None:
    assert users_at("spike", 30, 100, 39, 41, 59, 61, 100) == [30, 90, 90, 30, None]


def test_a_flash_sale_is_quiet_until_everyone_comes_at_once() -> None:
    assert users_at("flash-sale", 100, 80, 10, 21, 79, 80) == [20, 100, 100, None]
    assert stages("flash-sale", 100, 80)[1].arriving == 100


def test_the_sale_opens_when_everyone_comes() -> None:
    assert not sale_is_open("flash-sale", 80, 19)
    assert sale_is_open("flash-sale", 80, 20)
    assert not sale_is_open("steady", 80, 70)
