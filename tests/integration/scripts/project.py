"""A Compose project of a test's own, which scripts take for the cluster."""

from __future__ import annotations

import os
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self


class Project:
    """Its containers are there while it is `running`."""

    def __init__(self, folder: Path, compose: str) -> None:
        """`compose` is the file's text, with `{project}` where it needs its own name."""
        self.project = f"holdfast-test-{folder.name}-{uuid.uuid4().hex[:8]}"
        self.file = folder / "compose.yaml"
        self.file.write_text(compose.format(project=self.project))
        self.env = {
            **os.environ,
            "COMPOSE_PROJECT_NAME": self.project,
            "COMPOSE_FILE": str(self.file),
        }

    def compose(self, *command: str) -> None:
        subprocess.run(
            ["docker", "compose", *command],
            env=self.env,
            check=True,
            capture_output=True,
            timeout=50,
        )

    @contextmanager
    def running(self) -> Iterator[Self]:
        """Up; all of it goes in the end, also what a start that fails has made."""
        try:
            self.compose("up", "--detach")
            yield self
        finally:
            self.compose(
                "--profile", "*", "down", "--volumes", "--remove-orphans", "--timeout", "1"
            )
