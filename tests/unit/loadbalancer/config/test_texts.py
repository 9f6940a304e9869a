"""Addresses, there and back."""

import pytest

from loadbalancer.config.texts import address, joined


@pytest.mark.parametrize("text", ["10.0.0.1:80", "[::1]:80", "name.example:65535"])
def test_an_address_there_and_back(text: str) -> None:
    assert joined(*address(text, "x")) == text
