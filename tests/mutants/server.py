"""A pytest that has started and reads no test yet: a fork of it runs each selection, which spares most of a start.

It is a plugin of pytest, loaded into a process whose standard input asks for runs, a line of JSON each: the file for
the output, the arguments of pytest and the seconds that it may take. The answer is a line of standard output: the exit
status, or ``null`` if the run did not end in time.
"""

import contextlib
import importlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest

ALL = "tests"
PYTEST = ("-m", "pytest", "-x", "-q", "-p", "no:randomly", "-p", "no:cacheprovider", "-p", "tests.mutants.server", ALL)
MODULES = "modules"  # those that a run has imported
OURS = frozenset({"service", "tests", "__main__"})
POLL_S = 0.01
STOP_WITHIN_S = 2  # for the databases that the tests have started


class Server:
    """The process, which reads the modules of one tree."""

    def __init__(self, tree: Path) -> None:
        self._output = tree / "output"
        environ = {**os.environ, "PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1", MODULES: str(tree / MODULES)}
        self._process = subprocess.Popen(
            (sys.executable, *PYTEST),
            cwd=tree,
            env=environ,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGTERM)
        self._process.communicate()

    def run(self, arguments: Sequence[str], *, timeout_s: float) -> int | None:
        """Run tests until one fails; return pytest's exit status, None when they do not end in time.

        arguments   the tests, and options of pytest
        """
        wanted = {"output": str(self._output), "arguments": list(arguments), "timeout_s": timeout_s}
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(wanted) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise SystemExit(f"pytest did not start: {self._process.wait()}")
        status: int | None = json.loads(answer)
        return status


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_load_initial_conftests(args: list[str]) -> Iterator[None]:
    """Serve until the input ends; in a fork, go on with the tests that it is to run."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    for line in sys.stdin:
        _import_known()
        wanted = json.loads(line)
        child = os.fork()
        if child == 0:
            _become_run(wanted, args)
            break
        sys.stdout.write(json.dumps(_status_of(child, wanted["timeout_s"])) + "\n")
        sys.stdout.flush()
    else:
        os._exit(0)
    return (yield)


def pytest_unconfigure() -> None:
    """Name what the tests import, for the forks after this one."""
    names = [name for name in list(sys.modules) if name.partition(".")[0] not in OURS]
    Path(os.environ[MODULES]).write_text("\n".join(names), encoding="utf-8")


def _import_known() -> None:
    """Import what runs before imported, but for the modules of the tree, which may have been changed since."""
    known = Path(os.environ[MODULES])
    for name in known.read_text(encoding="utf-8").splitlines() if known.exists() else ():
        if name not in sys.modules:
            with contextlib.suppress(ImportError):  # such as the names that a package gives to parts of itself
                importlib.import_module(name)


def _become_run(wanted: dict[str, object], args: list[str]) -> None:
    os.setsid()
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    output = os.open(str(wanted["output"]), os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for to, at in ((nothing, 0), (output, 1), (output, 2)):
        os.dup2(to, at)
    arguments = wanted["arguments"]
    assert isinstance(arguments, list)
    args.remove(ALL)
    args.extend(arguments)


def _status_of(child: int, timeout_s: float) -> int | None:
    deadline = time.monotonic() + timeout_s
    try:
        while time.monotonic() < deadline:
            done, status = os.waitpid(child, os.WNOHANG)
            if done:
                child = 0
                return os.waitstatus_to_exitcode(status)
            time.sleep(POLL_S)
        return None
    finally:
        if child:
            os.killpg(child, signal.SIGTERM)
            time.sleep(STOP_WITHIN_S)
            os.killpg(child, signal.SIGKILL)
            os.waitpid(child, 0)
