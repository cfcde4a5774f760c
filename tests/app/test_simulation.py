"""A simulation is opened by commands: it loads no web pages, and no driver of a database that it does not use."""

import subprocess
import sys

import pytest

LOADED = "import sys, service.cli.routes; print(*sorted({'psycopg', 'procrastinate', 'starlette'} & set(sys.modules)))"


@pytest.mark.long
def test_simulation_loads_neither_web_pages_nor_the_shared_job_queue() -> None:
    ended = subprocess.run([sys.executable, "-c", LOADED], capture_output=True, text=True, timeout=60, check=True)

    assert ended.stdout.split() == []
