"""Runs first in every Python process of the test image, because Python imports this name itself."""

from __future__ import annotations

import os

from gamedays.planted.bugs import plant

plant(os.environ["PLANTED_BUG"], os.environ.get("SERVICE", ""))
