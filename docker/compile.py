"""Compiles the balancer's hot modules by mypyc: `compile.py SOURCE OUT`.

SOURCE is the folder that has loadbalancer/. OUT gets a copy of it with a shared library beside each
module that is on a request's way; run it by `PYTHONPATH=OUT python -P -m loadbalancer`. The sources
are the same, and run without being compiled just as well, only slower. Needs a C compiler, Python's
headers, mypy and setuptools; takes about a minute of one core.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from mypyc.build import mypycify
from setuptools import setup

HOT = (
    "datapath/backlog", "datapath/exchange", "datapath/front", "datapath/late",
    "datapath/problems", "datapath/routes", "datapath/sides", "datapath/sockets",
    "datapath/tries", "datapath/upload", "observe/meters", "pools/*", "wire/*",
)  # fmt: skip
_PLAIN = ("settings.py", "limits.py")
"""Settings are read by their annotations, which compiled classes do not keep."""


def main() -> None:
    """See the top of this file."""
    source, out = Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve()
    shutil.rmtree(out, ignore_errors=True)
    shutil.copytree(
        source / "loadbalancer", out / "loadbalancer", ignore=shutil.ignore_patterns("__pycache__")
    )
    os.chdir(out)
    found = [path for name in HOT for path in sorted(Path().glob(f"loadbalancer/{name}.py"))]
    modules = [str(path) for path in found if path.name not in _PLAIN]
    extensions = mypycify(["--ignore-missing-imports", *modules], opt_level="3")
    setup(
        name="loadbalancer", packages=[], ext_modules=extensions,
        script_args=["--quiet", "build_ext", "--inplace"],
    )  # fmt: skip
    shutil.rmtree("build")
    shutil.rmtree(".mypy_cache", ignore_errors=True)


if __name__ == "__main__":
    main()
