"""The port that a test is given stays its own."""

import socket
import subprocess
import sys
from pathlib import Path

from tests.support import ports
from tests.support.ports import free_port

CHOSEN_BY_LINUX = Path("/proc/sys/net/ipv4/ip_local_port_range")


def test_no_other_is_given_it_by_the_system() -> None:
    lowest = int(CHOSEN_BY_LINUX.read_text().split()[0])

    assert lowest >= ports._LOWEST + ports._MANY


def test_each_call_gives_another() -> None:
    assert len({free_port() for _ in range(50)}) == 50


def test_one_that_is_listened_on_is_passed_over() -> None:
    with socket.create_server(("127.0.0.1", free_port() + 1)) as taken:
        assert free_port() != taken.getsockname()[1]


def test_a_process_beside_begins_elsewhere() -> None:
    command = [sys.executable, "-c", "from tests.support.ports import free_port; print(free_port())"]
    beside = [subprocess.run(command, capture_output=True, text=True, check=True).stdout for _ in range(2)]

    assert beside[0] != beside[1]
