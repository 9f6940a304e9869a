"""Real stores for tests, each a throwaway container of our own image, published on loopback."""

import secrets
import socket
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator

import pytest

SERVICES = ("catalog", "sessions", "orders", "tickets", "notifications", "acquirer")
_PASSWORD = secrets.token_hex(8)


def docker(*args: str) -> str:
    """Runs docker and returns what it printed."""
    done = subprocess.run(["docker", *args], check=True, capture_output=True, text=True, timeout=60)
    return done.stdout.strip()


def free_port() -> int:
    """A loopback port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_until(check: Callable[[], bool], what: str, seconds: float = 40) -> None:
    """Waits for a condition, and says which one did not come true."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            if check():
                return
        except (OSError, subprocess.SubprocessError):
            pass
        time.sleep(0.2)
    raise TimeoutError(f"{what} within {seconds} s")


@pytest.fixture(scope="session")
def postgres() -> Iterator[Callable[[str], str]]:
    """Postgres as the cluster runs it. Called with a service's name, gives its database's DSN."""
    name = f"holdfast-test-postgres-{uuid.uuid4().hex[:8]}"
    passwords = [f"{s.upper()}_DB_PASSWORD={_PASSWORD}" for s in SERVICES]
    passwords.append(f"POSTGRES_PASSWORD={_PASSWORD}")
    docker(
        "run", "--detach", "--rm", "--name", name, "--memory", "384m", "--shm-size", "128m",
        "--publish", "127.0.0.1::5432", "--tmpfs", "/run:size=1m,mode=0700,uid=10001,gid=10001",
        "--tmpfs", "/data:size=1g,mode=0700,uid=10001,gid=10001",
        *[f"--env={p}" for p in passwords],
        "holdfast/postgres",
    )  # fmt: skip
    try:
        port = docker("port", name, "5432").rsplit(":", 1)[1]
        # The last database made shows that all are there.
        ready = f"postgresql://acquirer:{_PASSWORD}@127.0.0.1:5432/acquirer"
        wait_until(
            lambda: docker("exec", name, "psql", "-Atc", "select 1", ready) == "1", "Postgres"
        )
        yield (
            lambda service: (
                f"postgresql://{service}:{_PASSWORD}@127.0.0.1:{port}/{service}"
                "?target_session_attrs=read-write"
            )
        )
    finally:
        docker("rm", "--force", name)
