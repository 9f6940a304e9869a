"""The season's programme: which shows there are, where, when and for how much.

Every service that needs it fills its own tables from here: catalog its pages, orders its seats.
It is pure and follows from a seed alone, so that all of them, on any machine, have the same one.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

SHOWS_A_VENUE = 10
_SEASON_DAYS = 365
_HOURS = (18, 19, 20, 21)
_PRICE_CENTS = range(1_500, 12_001, 50)

_PLACES = (
    ("Weavers' Hall", "Ghent"),
    ("Tidewater Arena", "Rotterdam"),
    ("The Little Foundry", "Sheffield"),
    ("Teatro del Molino Alto", "Seville"),
    ("Salzspeicher", "Lübeck"),
    ("Théâtre des Deux Ponts", "Lyon"),
    ("Kamenna Arena", "Brno"),
    ("Sala delle Lanterne", "Bologna"),
    ("Northlight House", "Bergen"),
    ("Stary Browar Stage", "Poznań"),
    ("Cellar Forty", "Tallinn"),
    ("Harbour Dome", "Gothenburg"),
    ("Rosengarten Saal", "Graz"),
    ("The Signal Box", "Cork"),
    ("Armazém do Cais", "Porto"),
    ("Olive Court", "Thessaloniki"),
    ("Kavárna Pod Schody", "Olomouc"),
    ("Duna Terrace", "Budapest"),
    ("Turbine Hall West", "Tampere"),
    ("Quayside Rooms", "Aarhus"),
)
_CAPACITIES = (
    *(50, 80, 120, 180, 250, 350, 450, 600, 800, 1_000),
    *(1_200, 1_500, 1_800, 2_200, 2_800, 3_500, 4_500, 6_000, 9_000, 20_000),
)
_FIRST = (
    *("Borrowed", "Copper", "Crooked", "Drowsy", "Eleventh", "Folding", "Gentle", "Hollow"),
    *("Inland", "Juniper", "Lukewarm", "Marbled", "Nettle", "Overdue", "Patient", "Quilted"),
    *("Reluctant", "Saltwater", "Tangled", "Unposted"),
)
_SECOND = (
    *("Almanacs", "Barometers", "Cartographers", "Dumplings", "Escalators", "Ferrymen"),
    *("Gardeners", "Herons", "Inkwells", "Jesters", "Kettles", "Librarians", "Magpies"),
    *("Night Porters", "Orchards", "Postmen", "Quarrels", "Rowboats", "Semaphores", "Tramlines"),
)
_OCCASION = (
    "live",
    "in concert",
    "unplugged",
    "the farewell tour",
    "with full orchestra",
    "a winter's evening",
    "the tenth anniversary",
    "songs from the attic",
)


@dataclass(frozen=True, slots=True)
class Venue:
    """A place with `capacity` numbered seats, 1 to `capacity`."""

    id: int
    name: str
    city: str
    capacity: int


@dataclass(frozen=True, slots=True)
class Show:
    """One evening; `price_amount` is for one seat, in minor units (cents)."""

    id: int
    title: str
    venue: Venue
    starts_at: datetime
    price_amount: int
    price_currency: str
    seats_total: int


def programme(seed: int = 2026) -> list[Show]:
    """The 200 shows of a season, ids 1 to 200 in order, in 20 venues of 50 to 20,000 seats.

    Any twenty ids from a multiple of twenty plus one on have every venue once, so small and large
    shows are near each other. The season begins on 1 September of the seed's year (its last two
    digits, in this century).
    """
    rng = random.Random(seed)  # noqa: S311 - the same every time is the point
    venues = _venues(rng)
    where = [venue for _ in range(SHOWS_A_VENUE) for venue in rng.sample(venues, len(venues))]
    season = datetime(2000 + seed % 100, 9, 1, tzinfo=UTC)
    return [
        Show(
            id=number,
            title=title,
            venue=venue,
            starts_at=season
            + timedelta(days=rng.randrange(_SEASON_DAYS), hours=rng.choice(_HOURS)),
            price_amount=rng.choice(_PRICE_CENTS),
            price_currency="EUR",
            seats_total=venue.capacity,
        )
        for number, (title, venue) in enumerate(
            zip(_titles(rng, len(where)), where, strict=True), start=1
        )
    ]


def _venues(rng: random.Random) -> list[Venue]:
    capacities = rng.sample(_CAPACITIES, len(_CAPACITIES))
    return [
        Venue(number, name, city, capacity)
        for number, ((name, city), capacity) in enumerate(
            zip(_PLACES, capacities, strict=True), start=1
        )
    ]


def _titles(rng: random.Random, count: int) -> list[str]:
    """Different acts, all invented."""
    acts = [f"The {first} {second}" for first in _FIRST for second in _SECOND]
    return [f"{act}: {rng.choice(_OCCASION)}" for act in rng.sample(acts, count)]
