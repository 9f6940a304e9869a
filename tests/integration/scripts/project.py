"""A Compose project of a test's own, which scripts take for the cluster."""

from __future__ import annotations

import os
import subprocess
import uuid
from pathlib import Path


class Project:
    """Its containers are made by `compose("up", "--detach")`, and go by `compose("down")`."""

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
