"""Descriptors: connections leave as many as everything else needs, and a process says when it has few."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from service.testing.fake_circleci.payloads import as_bytes, workflow_completed
from service.web.server.limits import MAX_CONNECTIONS, max_connections
from tests.support.app_fixture import RED, RED_TO_WEB, environ
from tests.support.processes import ROUNDSMAN, Served, serve

HARD = 300
CROWD = 400


@pytest.mark.parametrize(
    ("descriptors", "connections"), [(65_536, MAX_CONNECTIONS), (1_024, 824), (256, 64), (100, 25)]
)
def test_connections_leave_descriptors_for_everything_else(descriptors: int, connections: int) -> None:
    assert max_connections(descriptors) == connections


@pytest.fixture
def narrow(tmp_path: Path) -> Iterator[Served]:
    """A service that may open few files, and even fewer by default."""
    script = tmp_path / "narrow"
    script.write_text(f'#!/bin/sh\nulimit -S -n 128 && ulimit -H -n {HARD} && exec {ROUNDSMAN} "$@"\n')
    script.chmod(0o700)
    folder = tmp_path / "data"
    folder.mkdir()
    settings = environ(folder, RED_TO_WEB)
    with serve(folder, settings, command=script) as served:
        yield served


@pytest.mark.long
def test_silent_connections_beyond_all_descriptors_keep_no_post_out(narrow: Served) -> None:
    address = urlsplit(narrow.address)
    body = as_bytes(workflow_completed(RED))
    with ExitStack() as stack:
        for _ in range(CROWD):
            stack.enter_context(socket.create_connection((address.hostname, address.port)))
        statuses = [narrow.post(body).status_code for _ in range(3)]

    assert statuses == [202, 202, 202]
    limits = Path(f"/proc/{narrow.process.pid}/limits").read_text(encoding="utf-8")
    [files] = [line.split()[3:5] for line in limits.splitlines() if line.startswith("Max open files")]
    assert files == [str(HARD), str(HARD)]
    [few] = [line for line in narrow.log if line["event"] == "few connections are possible"]
    assert few["connections"] == max_connections(HARD)
    assert "LimitNOFILE" in narrow.read_until("waiting connections are closed")["reason"]
