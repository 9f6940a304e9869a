from collections import Counter
from datetime import UTC, datetime, timedelta

from services.programme import programme


def test_there_are_200_shows_in_20_venues_of_50_to_20_000_seats() -> None:
    shows = programme()
    venues = {show.venue.id: show.venue for show in shows}

    assert [show.id for show in shows] == list(range(1, 201))
    assert sorted(venues) == list(range(1, 21))
    assert set(Counter(show.venue.id for show in shows).values()) == {10}
    assert min(v.capacity for v in venues.values()) == 50
    assert max(v.capacity for v in venues.values()) == 20_000
    assert all(show.seats_total == show.venue.capacity for show in shows)
    assert sum(show.seats_total for show in shows) == 563_800


def test_small_and_large_shows_are_near_each_other() -> None:
    shows = programme()

    for first in range(0, 200, 20):
        assert len({show.venue.id for show in shows[first : first + 20]}) == 20


def test_the_same_seed_gives_the_same_programme_and_another_one_another() -> None:
    assert programme(7) == programme(7)
    assert programme(7) != programme(8)
    assert programme() == programme(2026)


def test_shows_fall_into_the_season_at_a_plausible_price() -> None:
    season = datetime(2026, 9, 1, tzinfo=UTC)

    for show in programme(2026):
        assert season <= show.starts_at < season + timedelta(days=366)
        assert 1_500 <= show.price_amount <= 12_000
        assert show.price_currency == "EUR"


def test_no_two_shows_share_a_title_and_no_two_venues_a_name() -> None:
    shows = programme()

    assert len({show.title for show in shows}) == 200
    assert len({(show.venue.name, show.venue.city) for show in shows}) == 20
