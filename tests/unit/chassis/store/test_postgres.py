"""How long a call waits for a server."""

import pytest

from chassis.store.postgres import patience


@pytest.mark.parametrize(
    ("waited", "left", "farewell", "expected"),
    [
        (0.0, 5.0, False, 0.8),  # a server that died: its successor takes longer than anybody waits
        (0.5, 4.5, False, 0.3),
        (0.0, 5.0, True, 4.5),  # one that said goodbye has a successor already
        (1.0, 4.0, True, 3.5),
        (0.0, 3.9, True, 3.6),  # the word that it did not go comes before the deadline
        (0.0, 0.5, False, 0.2),
        (0.0, 0.1, False, -0.2),
    ],
)
def test_patience_ends_in_time_to_say_so(
    waited: float, left: float, farewell: bool, expected: float
) -> None:
    assert patience(waited, left, farewell=farewell) == pytest.approx(expected)
