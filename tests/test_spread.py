"""A worker that dies in a test costs that test alone, and the run ends."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
CONFTEST = """\
from tests.support.spread import Spread

def pytest_xdist_make_scheduler(config, log):
    return Spread(config, log)
"""
TESTS = """\
import os
import pytest

@pytest.mark.parametrize("case", range(8))
def test_cases(case):
    if case in {dies_at}:
        os._exit(1)

def test_other():
    pass

def test_third():
    pass
"""
DONE_WITHIN_S = 120


@pytest.mark.long
@pytest.mark.parametrize("dies_at", [[0], [3], [7], [2, 7]], ids=str)
def test_a_worker_that_dies_fails_the_test_it_was_in_and_no_other(tmp_path: Path, dies_at: list[int]) -> None:
    (tmp_path / "conftest.py").write_text(CONFTEST, encoding="utf-8")
    (tmp_path / "test_some.py").write_text(TESTS.replace("{dies_at}", str(dies_at)), encoding="utf-8")
    (tmp_path / "pytest.ini").write_text("[pytest]\nasyncio_default_fixture_loop_scope = function\n", encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-n", "2", "-p", "no:cacheprovider", "-p", "no:randomly"]

    ended = subprocess.run(
        command,
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=DONE_WITHIN_S,
        check=False,
    )

    failed = len(dies_at)
    assert re.search(rf"{failed} failed, {10 - failed} passed", ended.stdout), ended.stdout + ended.stderr
