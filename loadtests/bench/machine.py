"""What was measured on, in one line: absolutes do not travel, ratios do."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from pathlib import Path

_VERSIONS = (("haproxy", "-v"), ("nginx", "-v"), ("envoy", "--version"))


def describe() -> str:
    """The processor, the system, and the versions of who is measured."""
    versions = [version for command in _VERSIONS if (version := _version(*command))]
    return (
        f"{processor()}, Python {platform.python_version()}, {', '.join(versions)}. "
        "The proxy has one core and one worker; the backends (nginx) and the generator (wrk) have "
        "the other. Rounds are interleaved; shown is their median."
    )


def processor() -> str:
    """Its name, how many cores, the kernel."""
    found = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    name = found[1] if found else platform.machine()
    return f"{name}, {os.cpu_count()} cores, Linux {platform.release()}"


def _version(command: str, option: str) -> str:
    try:
        done = subprocess.run(
            [command, option], capture_output=True, text=True, timeout=30, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    found = re.search(r"\d+\.\d+\.\d+", done.stdout + done.stderr)
    return f"{command} {found[0]}" if found else ""
