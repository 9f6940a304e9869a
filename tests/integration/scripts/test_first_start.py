"""What the scripts do before there is a cluster: passwords, refusals, help. No engine is needed."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A checkout of its own, so that nothing real is touched."""
    shutil.copytree(ROOT / "scripts", tmp_path / "scripts")
    for name in ("Makefile", "compose.yaml"):
        shutil.copy(ROOT / name, tmp_path)
    return tmp_path


def run(copy: Path, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        words, cwd=copy, env={**os.environ, **env},
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip


def values(copy: Path) -> dict[str, str]:
    lines = (copy / ".env").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines)


def required(copy: Path) -> set[str]:
    text = (copy / "compose.yaml").read_text()
    return {part.split(":?")[0] for part in text.split("${") if ":?" in part.split("}")[0]}


def test_every_password_that_compose_requires_is_made(copy: Path) -> None:
    assert run(copy, "scripts/secrets.sh").returncode == 0
    made = values(copy)
    assert required(copy) <= made.keys()
    assert len(required(copy)) >= 10
    assert all(len(made[name]) == 64 for name in required(copy))
    assert len({made[name] for name in required(copy)}) == len(required(copy))
    assert (copy / ".env").stat().st_mode & 0o777 == 0o600


def test_values_stay_and_missing_names_are_added(copy: Path) -> None:
    (copy / ".env").write_text("POSTGRES_PASSWORD=kept\nMINE=too\n")
    assert run(copy, "scripts/secrets.sh").returncode == 0
    first = values(copy)
    assert first["POSTGRES_PASSWORD"] == "kept"
    assert first["MINE"] == "too"
    assert required(copy) <= first.keys()
    assert (copy / ".env").stat().st_mode & 0o777 == 0o600
    assert run(copy, "scripts/secrets.sh").returncode == 0
    assert values(copy) == first


def test_without_an_engine_and_without_leave_to_install_it_says_what_to_do(copy: Path) -> None:
    done = run(copy, "scripts/engine.sh", DOCKER_HOST="unix:///nonexistent.sock")
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 4
    assert "Nothing was changed" in done.stderr
    assert done.stdout == ""


def test_a_refused_start_leaves_nothing(copy: Path) -> None:
    before = sorted(copy.rglob("*"))
    done = run(copy, "make", "up", DOCKER_HOST="unix:///nonexistent.sock")
    assert done.returncode != 0
    assert sorted(copy.rglob("*")) == before


def test_make_alone_lists_every_target_with_its_help(copy: Path) -> None:
    done = run(copy, "make")
    listed = {line.split()[1]: line for line in done.stdout.splitlines() if "  make " in line}
    makefile = (copy / "Makefile").read_text().splitlines()
    targets = {line.split(":")[0] for line in makefile if line[:1].isalpha() and ": " in line}
    targets = {target for target in targets if " " not in target}
    assert {"up", "down", "clean", "status", "kill", "demo", "test"} <= listed.keys()
    assert listed.keys() == targets
    assert all(len(line.split()) > 3 for line in listed.values())


# Tools that are made up: each writes down how it was called, and answers as a line of a table says.
_FAKE = """#!/usr/bin/env bash
echo "${0##*/} $*" >>"$CALLS"
while IFS='|' read -r words answer; do
  case "${0##*/} $*" in $words) printf '%b' "$answer"; [ "$answer" != NO ]; exit ;; esac
done <"$ANSWERS"
"""


def run_with(
    copy: Path, answers: dict[str, str], *words: str, **env: str
) -> tuple[subprocess.CompletedProcess[str], list[str]]:
    """Runs a script beside made-up tools; `answers` by the first words of a call, NO for a failure.

    Gives also how the tools were called.
    """
    tools = copy / "tools"
    tools.mkdir()
    for name in ("docker", "apt-get", "apt-cache", "uname", "id", "dockerd", "systemctl"):
        (tools / name).write_text(_FAKE)
        (tools / name).chmod(0o755)
    calls, table = copy / "calls", copy / "answers"
    calls.touch()
    table.write_text("".join(f"{a.replace(' ', '?')}*|{b}\n" for a, b in answers.items()))
    path = f"{tools}:{os.environ['PATH']}"
    env |= {"PATH": path, "CALLS": str(calls), "ANSWERS": str(table), "DOCKER_HOST": ""}
    done = run(copy, *words, **env)
    return done, calls.read_text().splitlines()


@pytest.mark.parametrize(
    ("version", "will_do"),
    [
        ("2.24.0", True), ("v2.40.3", True), ("2.26.1-4", True), ("3.0.0", True),
        ("2.23.3", False), ("v2.3.4", False), ("1.29.2", False), ("", False),
    ],
)  # fmt: skip
def test_a_compose_that_cannot_read_our_file_is_not_taken(
    copy: Path, version: str, will_do: bool
) -> None:
    answers = {
        "docker compose version": version,
        "docker version": "28.0.0",
        "id -u": "1000",
    }
    done, _ = run_with(copy, answers, "scripts/engine.sh")
    assert done.returncode == (0 if will_do else 2)
    if not will_do:
        assert "Compose 2.24 or newer" in done.stderr
        assert f"Compose {version or 'none'}" in done.stderr


@pytest.mark.skipif(
    "debian" not in Path("/etc/os-release").read_text(), reason="installs on Debian only"
)
def test_where_compose_cannot_come_no_engine_is_installed(copy: Path) -> None:
    answers = {
        "docker": "NO",
        "id -u": "0",
        "uname -m": "riscv64",
        "apt-cache policy": "  Candidate: 1.29.2-3\\n",
    }
    done, calls = run_with(copy, answers, "scripts/engine.sh")
    assert done.returncode == 2
    assert "no Compose for riscv64" in done.stderr
    assert "Nothing was changed" in done.stderr
    assert "apt-get update" in calls
    assert not [c for c in calls if "install" in c]


@pytest.mark.parametrize("ours", [False, True])
def test_a_port_that_somebody_else_has_is_named_before_anything_is_built(
    copy: Path, ours: bool
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        answers = {
            "docker compose version": "2.30.0",
            "docker version": "28.0.0",
            "docker ps --all --format {{.Ports}}": f"127.0.0.1:{port}->8081/tcp" if ours else "",
            "docker ps": "",
            "docker": "NO",  # nothing can be built
        }
        free = dict.fromkeys(("EDGE_PORT_A", "ADMIN_PORT_A", "ADMIN_PORT_B"), "1")
        done, _ = run_with(copy, answers, "scripts/up.sh", **free, EDGE_PORT_B=str(port))
    assert done.returncode == 1
    assert (f"127.0.0.1:{port}" in done.stderr) != ours
    assert ("EDGE_PORT_B=" in done.stderr) != ours
    assert (copy / ".env").exists() == ours  # what comes next


class TestClean:
    def test_only_what_is_ours_goes(self, copy: Path) -> None:
        (copy / ".state").mkdir()
        answers = {
            "docker ps --all --format": "holdfast-kafka-b-1\\nother-kafka-b-1\\n",
            "docker image inspect --format {{.Id}} holdfast/system:pulled": "sha256:1",
            "docker image inspect --format {{.Id}} debian": "sha256:1",
            "docker images": "holdfast/base:latest\\nholdfast/system:pulled\\n",
        }
        done, calls = run_with(copy, answers, "scripts/down.sh", "--clean")
        assert done.returncode == 0
        assert "docker rm --force holdfast-kafka-b-1-filler" in calls
        assert not [c for c in calls if "other" in c]
        down = next(i for i, c in enumerate(calls) if " down " in c)
        assert calls.index("docker rm --force holdfast-kafka-b-1-filler") < down
        removed = {c.rsplit(" ", 1)[1] for c in calls if c.startswith("docker image rm")}
        assert removed == {"debian:trixie-slim", "holdfast/base:latest", "holdfast/system:pulled"}
        assert not (copy / ".state").exists()

    def test_what_was_there_before_stays(self, copy: Path) -> None:
        (copy / ".state").mkdir()
        answers = {
            "docker ps --all --quiet --filter label=holdfast.zone": "abc\\n",
            "docker image inspect --format {{.Id}} holdfast/system:pulled": "NO",
            "docker image inspect --format {{.Id}} debian": "sha256:1",
        }
        done, calls = run_with(copy, answers, "scripts/down.sh", "--clean")
        assert done.returncode == 0
        assert not [c for c in calls if c.startswith("docker image rm")]
        assert (copy / ".state").exists()

    @pytest.mark.skipif(
        Path("/var/lib/docker/.installed-by-holdfast").exists(), reason="this engine is ours"
    )
    def test_the_cache_of_an_engine_that_is_not_ours_stays(self, copy: Path) -> None:
        done, calls = run_with(copy, {}, "scripts/down.sh", "--clean")
        assert "kept the builds' cache" in done.stdout
        assert not [c for c in calls if "prune" in c and "builder" in c]


class TestReports:
    """reports/ is written by tools in containers, who are not root; and by nobody else."""

    def test_root_gives_them_what_is_its_own(self, copy: Path) -> None:
        if os.geteuid() != 0:
            pytest.skip("only root can")
        for name in ("load", "gamedays", "old-run"):
            (copy / "reports" / name).mkdir(parents=True)
        assert run(copy, "scripts/reports.sh").returncode == 0
        for name, owner in {"": 10001, "load": 10001, "gamedays": 10001, "old-run": 0}.items():
            assert (copy / "reports" / name).stat().st_uid == owner

    def test_others_are_told_what_to_do(self, copy: Path) -> None:
        (copy / "reports" / "gamedays").mkdir(parents=True)
        (copy / ".env").write_text("HOLDFAST_USER=4321:4321\n")
        done, _ = run_with(copy, {"id -u": "1000"}, "scripts/load.sh")
        assert done.returncode == 1
        assert "sudo chown 4321:4321 reports reports/gamedays" in done.stderr

    def test_who_is_not_root_owns_them(self, copy: Path) -> None:
        here = f"{os.getuid()}:{os.getgid()}"
        (copy / ".env").write_text(f"HOLDFAST_USER={here}\n")
        done, _ = run_with(copy, {"id -u": "1000"}, "scripts/reports.sh")
        assert (done.returncode, done.stderr) == (0, "")
        assert (copy / "reports").stat().st_mode & 0o777 == 0o755


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_a_demo_that_is_interrupted_heals_what_it_broke(copy: Path, how: signal.Signals) -> None:
    scripts = copy / "scripts"
    (scripts / "tools.sh").write_text(
        '#!/bin/bash\nmkdir -p "$RUN_DIR" && touch "$RUN_DIR/ledger.jsonl"\nexec sleep 60\n'
    )
    (scripts / "fault.sh").write_text('#!/bin/bash\necho "$*" >>faults\n')
    demo = scripts / "demo.sh"
    demo.write_text(demo.read_text().replace("KILL_AT=12", "KILL_AT=0"))
    faults = copy / "faults"
    faults.touch()
    running = subprocess.Popen(["scripts/demo.sh"], cwd=copy, start_new_session=True)
    for _ in range(200):
        if faults.read_text():
            break
        time.sleep(0.1)
    if how == signal.SIGINT:  # as a terminal does it: its children too
        os.killpg(running.pid, how)
    else:
        running.terminate()
    assert running.wait(20) == 128 + how
    assert faults.read_text().splitlines() == ["kill orders-a-1", "heal"]
