"""The log: JSON lines in a pipe, lines for people on a terminal, ours and the libraries' alike."""

import logging
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
import structlog

from tests.support.log_capture import logged, logged_to

PASSWORD = "an-invented-password"


def fail(password: str) -> None:
    """Fail with a secret at hand."""
    raise ValueError(f"a password of {len(password)} letters")


def test_in_a_pipe_each_line_is_json_with_level_and_time() -> None:
    with logged() as talk:
        structlog.get_logger().info("attempt", channel="web (slack)", number=2, reason=None, who="Zoë")

    [line] = talk.lines
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "event": "attempt",
        "level": "info",
        "channel": "web (slack)",
        "number": 2,
        "reason": None,
        "who": "Zoë",
    }


def test_a_library_s_warning_has_the_same_form_and_its_chatter_is_left_out() -> None:
    with logged(logging.DEBUG) as talk:
        logging.getLogger("some.library").info("chatter")
        logging.getLogger("some.library").warning("%s is low", "disk")

    [line] = talk.lines
    assert (line["event"], line["level"]) == ("disk is low", "warning")
    assert "timestamp" in line


@pytest.mark.parametrize(("level", "said"), [(logging.INFO, ["info", "error"]), (logging.ERROR, ["error"])])
def test_the_level_says_how_much_of_ours_is_heard(level: int, said: list[str]) -> None:
    with logged(level) as talk:
        for name in ("debug", "info", "error"):
            getattr(structlog.get_logger(), name)("something")

    assert [line["level"] for line in talk.lines] == said


@pytest.mark.parametrize("is_terminal", [False, True])
@pytest.mark.parametrize("log", [structlog.get_logger(), logging.getLogger("some.library")])
def test_a_traceback_shows_the_way_and_no_values(log: logging.Logger, is_terminal: bool) -> None:
    with logged(is_terminal=is_terminal) as talk:
        try:
            fail(PASSWORD)
        except ValueError:
            log.exception("it failed")

    said = talk.getvalue()
    assert "in fail" in said
    assert "a password of 20 letters" in said
    assert PASSWORD not in said


def test_on_a_terminal_a_line_is_for_people() -> None:
    with logged(is_terminal=True) as talk:
        structlog.get_logger().info("roundsman is listening", address="http://127.0.0.1:8000")

    assert "roundsman is listening" in talk.getvalue()
    assert not talk.getvalue().startswith("{")


def test_what_came_from_outside_breaks_no_line() -> None:
    with logged() as talk:
        structlog.get_logger().info("delivery", reason='bad\n{"event": "forged"}\x1b[2J')

    [line] = talk.lines
    assert line["event"] == "delivery"
    assert "\x1b" not in talk.getvalue()


def a_pipe_that_nobody_reads() -> int:
    reading, writing = os.pipe()
    os.close(reading)
    return writing


def a_full_disk() -> int:
    return os.open("/dev/full", os.O_WRONLY)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this machine cannot pretend a full disk")
@pytest.mark.parametrize("end", [a_pipe_that_nobody_reads, a_full_disk])
def test_a_line_that_cannot_be_written_stops_no_work(end: Callable[[], int], capfd: pytest.CaptureFixture[str]) -> None:
    went_on = False
    with suppress(OSError), os.fdopen(end(), "w", buffering=1) as stream, logged_to(stream):
        structlog.get_logger().error("nobody hears this")
        logging.getLogger("some.library").error("nor this")
        went_on = True

    assert (went_on, capfd.readouterr().err) == (True, "")
