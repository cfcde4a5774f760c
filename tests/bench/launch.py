"""Start programs: each in a fresh interpreter, as in production, or forked from one that has imported everything.

A fork starts in a tenth of the time: for the tests of the benchmark, where no figure counts.
"""

import asyncio
import multiprocessing
import os
import runpy
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from tests.bench.cores import Whose, keep_on
from tests.support.processes import ROUNDSMAN

LOOK_AGAIN_S = 0.005
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["service.cli", "apprise", "tests.bench.world", "service.app.service"])


@dataclass(frozen=True, kw_only=True)
class Child:
    """A process that was started.

    exit_code   None while it runs
    """

    pid: int
    exit_code: Callable[[], int | None]
    kill: Callable[[], None]

    async def ended(self) -> int:
        """Wait for its end; return its exit code."""
        while (code := self.exit_code()) is None:  # noqa: ASYNC110 - it ends elsewhere
            await asyncio.sleep(LOOK_AGAIN_S)
        return code


Command = Sequence[str]
"""``roundsman`` or a module, and the words after it."""
Launch = Callable[[Command, Mapping[str, str], Whose], Child]


def fresh(command: Command, environ: Mapping[str, str], core: Whose) -> Child:
    """Start a fresh interpreter."""
    program = [str(ROUNDSMAN)] if command[0] == "roundsman" else ["-m", command[0]]
    process = subprocess.Popen(
        [sys.executable, *program, *command[1:]],
        env=environ,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    keep_on(core, process.pid)  # before it can have threads
    return Child(pid=process.pid, exit_code=process.poll, kill=process.kill)


def forked(command: Command, environ: Mapping[str, str], _core: Whose) -> Child:
    """Start a copy of one interpreter that has imported everything, on any core."""
    process = FORKS.Process(target=run, args=(list(command), dict(environ)), daemon=True)
    process.start()
    assert process.pid is not None
    return Child(pid=process.pid, exit_code=lambda: process.exitcode, kill=process.kill)


def run(command: Command, environ: Mapping[str, str]) -> None:
    """Become a program."""
    os.environ.clear()
    os.environ.update(environ)
    silence = os.open(os.devnull, os.O_RDWR)
    for stream in (1, 2):
        os.dup2(silence, stream)
    start(command)


def start(command: Command) -> None:
    """Run a program in this process."""
    sys.argv = [*command]
    if command[0] == "roundsman":
        runpy.run_path(str(ROUNDSMAN), run_name="__main__")
    else:
        runpy.run_module(command[0], run_name="__main__", alter_sys=True)
