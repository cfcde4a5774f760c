"""A log whose reader is stuck: lines wait, then are dropped and counted, and nothing else waits for them."""

import fcntl
import json
import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import structlog

from service.log_stream import GATHERED_BYTES, MAX_WAITING_BYTES, QueuedStream
from service.testing.fake_circleci.payloads import as_bytes, workflow_completed
from tests.support.app_fixture import RED, RED_TO_WEB, environ, signature
from tests.support.fake_servers import http_end
from tests.support.log_capture import logged_to
from tests.support.ports import free_port
from tests.support.processes import ENDS_WITHIN_S, ROUNDSMAN, surroundings, until

MORE_THAN_A_PIPE_AND_THE_QUEUE_HOLD = 2 * MAX_WAITING_BYTES


@contextmanager
def a_pipe() -> Iterator[tuple[int, int]]:
    reading, writing = os.pipe()
    try:
        yield reading, writing
    finally:
        for end in (reading, writing):
            os.close(end)


def lines_until(reading: int, event: str) -> list[Any]:
    """The lines of a pipe up to one of this name."""
    with os.fdopen(os.dup(reading), encoding="utf-8") as pipe:
        lines = []
        for line in pipe:
            lines.append(json.loads(line))
            if lines[-1]["event"] == event:
                break
    return lines


def test_lines_beyond_what_may_wait_are_counted_once_the_reader_reads_again() -> None:
    said = 0
    with a_pipe() as (reading, writing), os.fdopen(os.dup(writing), "w") as stream, logged_to(stream):
        while said * 1000 < MORE_THAN_A_PIPE_AND_THE_QUEUE_HOLD:
            structlog.get_logger().info("a line", number=said, padding="x" * 1000)
            said += 1

        lines = lines_until(reading, "log lines dropped")

    written = [line["number"] for line in lines[:-1]]
    assert written == sorted(written)
    assert lines[-1]["level"] == "warning"
    assert lines[-1]["count"] == said - len(written) > 0


def test_a_log_queue_without_a_reader_stays_small_and_does_not_block() -> None:
    with a_pipe() as (_, writing):
        stream = QueuedStream(writing)
        for _ in range(100):
            stream.write("x" * (MAX_WAITING_BYTES // 10))

        stream.drain(within_s=0.01)

        assert sum(map(len, stream._lines)) <= MAX_WAITING_BYTES


def test_each_line_is_whole_in_order_and_written_before_the_end() -> None:
    with a_pipe() as (reading, writing):
        stream = QueuedStream(writing)
        for number in range(1000):
            stream.write(f"{number}\n")
        stream.drain()

        assert os.read(reading, 65536).decode().split() == [str(number) for number in range(1000)]


@contextmanager
def a_pipe_of_packets() -> Iterator[tuple[int, int]]:
    """A pipe of which each read is one write."""
    ends = os.pipe2(os.O_DIRECT)
    try:
        yield ends
    finally:
        for end in ends:
            os.close(end)


def test_lines_that_wait_together_are_one_write() -> None:
    with a_pipe_of_packets() as (reading, writing):
        stream = QueuedStream(writing, gather_s=ENDS_WITHIN_S)
        for number in range(100):
            stream.write(f"{number}\n")
        stream.drain(ENDS_WITHIN_S)

        assert os.read(reading, 4096).decode().split() == [str(number) for number in range(100)]


def test_many_lines_do_not_wait_for_more() -> None:
    with a_pipe() as (reading, writing):
        stream = QueuedStream(writing, gather_s=10 * ENDS_WITHIN_S)
        stream.write("x" * GATHERED_BYTES)

        assert os.read(reading, 1) == b"x"


def test_a_line_by_itself_is_written_without_being_asked_for() -> None:
    with a_pipe() as (reading, writing):
        QueuedStream(writing).write("a line\n")

        assert os.read(reading, 100) == b"a line\n"


def test_a_pipe_that_another_process_made_non_blocking_loses_nothing() -> None:
    with a_pipe() as (reading, writing):
        os.set_blocking(writing, False)
        stream = QueuedStream(writing)
        for _ in range(4):
            stream.write("x" * 65536)

        taken = 0
        while taken < 4 * 65536:
            taken += len(os.read(reading, 65536))
        stream.drain()

        assert taken == 4 * 65536


def test_a_letter_that_the_terminal_cannot_show_is_escaped() -> None:
    with a_pipe() as (reading, writing):
        stream = QueuedStream(writing, encoding="ascii")
        stream.write("Zoë\n")
        stream.drain()

        assert os.read(reading, 100) == b"Zo\\xeb\n"


def post(client: httpx.Client, body: bytes) -> int:
    return client.post("/hooks/circleci", content=body, headers={"circleci-signature": signature(body)}).status_code


@contextmanager
def a_page_of_a_pipe() -> Iterator[tuple[int, int]]:
    """A pipe that is full after a few lines, as behind a stuck log driver."""
    with a_pipe() as (reading, writing):
        fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4096)
        yield reading, writing


@pytest.mark.long
def test_a_service_with_an_unread_log_accepts_posts_and_notifies(folder: Path, is_long: bool) -> None:
    port = free_port()
    with http_end() as end, a_page_of_a_pipe() as (reading, writing):
        routes = RED_TO_WEB.replace("json://web.example.com", f"json://127.0.0.1:{end.port}/web")
        given = environ(folder, routes, ROUNDSMAN_PORT=str(port))
        del given["ROUNDSMAN_CIRCLECI_TOKEN"]
        with (
            subprocess.Popen([ROUNDSMAN, "serve"], cwd=folder, env=surroundings(given), stderr=writing) as process,
            httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=ENDS_WITHIN_S) as client,
        ):
            until(lambda: can_connect(port))
            answers = {post(client, as_bytes(workflow_completed(RED))) for _ in range(6000 if is_long else 60)}
            until(lambda: len(end.got) == 1)
            if is_long:
                assert lines_until(reading, "log lines dropped")[-1]["count"] > 0
            process.terminate()
            code = process.wait(ENDS_WITHIN_S)

    assert (answers, code) == ({202}, 0)


def can_connect(port: int) -> bool:
    with socket.socket() as caller:
        return caller.connect_ex(("127.0.0.1", port)) == 0
