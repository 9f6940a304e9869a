"""What the workers have of a configuration."""

import os
import re
import shlex
from pathlib import Path

import pytest

import loadbalancer
from loadbalancer.cli import _config, _parser
from loadbalancer.config.config import load, quick
from loadbalancer.config.share import cores, share

COMMAND = re.compile(r"^(?:  )?python -m loadbalancer (.*?)(?:#.*)?$", re.MULTILINE)


def test_none_said_is_one_and_zero_is_all_cores(tmp_path: Path) -> None:
    config = quick("127.0.0.1:1", ["10.0.0.1:1"])
    assert cores(config) == 1
    assert share(config) is config
    assert cores(quick("127.0.0.1:1", ["10.0.0.1:1"], workers=0)) == len(os.sched_getaffinity(0))
    file = tmp_path / "balancer.toml"
    file.write_text('[listeners.l]\naddress = "127.0.0.1:1"\npool = "p"\n'
                    '[pools.p]\ninstances = [{address = "127.0.0.1:2"}]\n')  # fmt: skip
    assert cores(load(file, {})) == 1
    assert cores(load(file, {}, workers=0)) == len(os.sched_getaffinity(0))


@pytest.mark.parametrize("text", ["README", "help"])
def test_the_quick_cases_of_the_documentation_are_good(text: str) -> None:
    readme = (Path(loadbalancer.__file__).parent / "README.md").read_text()
    lines = COMMAND.findall(readme if text == "README" else _parser().format_help())
    quick_ones = [line for line in lines if "--listen" in line]
    assert len(quick_ones) >= 3
    found = [_config(_parser().parse_args(shlex.split(line))) for line in quick_ones]
    assert {config.workers for config in found} == {0, 1}
