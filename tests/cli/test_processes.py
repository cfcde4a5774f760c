"""The console script as a real process: it serves, ends when asked to, and behaves in pipes."""

import json
import os
import signal
import socket
import sqlite3
import subprocess
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from service.operations.checks.checks import LACKING_DETAILS
from service.testing.fake_circleci.payloads import as_bytes, workflow_completed
from tests.support.app_fixture import GREEN, RED, RED_TO_WEB, environ
from tests.support.long_cases import first_and_long
from tests.support.processes import ENDS_WITHIN_S, ROUNDSMAN, Served, run, serve, slow_channel, surroundings, until

COLOUR = "\x1b"


def settings(folder: Path, routes: str = RED_TO_WEB, **more: str) -> dict[str, str]:
    """What a first start in an otherwise empty folder needs, with the database where it is by default."""
    given = environ(folder, routes, **more)
    return {name: given[name] for name in given if name not in {"ROUNDSMAN_DATABASE_URL", "ROUNDSMAN_CIRCLECI_TOKEN"}}


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    with serve(tmp_path, settings(tmp_path)) as served:
        yield served


def rows(folder: Path, query: str) -> list[Any]:
    with closing(sqlite3.connect(folder / "data" / "roundsman.db")) as connection:
        return connection.execute(query).fetchall()


# serve


def test_it_serves_from_an_empty_folder_keeps_a_post_and_ends_when_asked_to(served: Served, tmp_path: Path) -> None:
    answer = served.post(as_bytes(workflow_completed(GREEN)))
    ready = httpx.get(f"{served.address}/readyz", trust_env=False)

    code = served.end(signal.SIGTERM)

    assert (answer.status_code, answer.json()["duplicate"]) == (202, False)
    assert (ready.status_code, ready.json()["checks"]) == (
        200,
        {"database": "ok", "worker": "ok"},
    )
    assert code == 0
    assert rows(tmp_path, "SELECT count(*) FROM deliveries") == [(1,)]
    stopping = ["roundsman is stopping: what was begun may end", "roundsman has stopped"]
    assert [line["event"] for line in served.log if line["event"] in stopping] == stopping
    assert served.log[-1]["event"] == stopping[-1]  # what was under way may have been decided in between


def test_start_logs_the_address_that_circleci_must_be_given(tmp_path: Path) -> None:
    public = {"ROUNDSMAN_PUBLIC_URL": "https://roundsman.invalid", "ROUNDSMAN_ADMIN_TOKEN": "an-invented-admin-token"}
    with serve(tmp_path, settings(tmp_path, **public)) as served:
        listening = served.log[-1]

    assert listening["hook"] == "https://roundsman.invalid/hooks/circleci"
    assert listening["address"] == served.address


@pytest.mark.long
def test_start_logs_address_and_missing_token(served: Served) -> None:
    listening = served.log[-1]

    assert listening["hook"] == f"{served.address}/hooks/circleci"
    assert served.address.startswith("http://127.0.0.1:")
    assert [line["event"] for line in served.log if line["level"] == "warning"] == []
    assert LACKING_DETAILS in [line["event"] for line in served.log if line["level"] == "info"]


@pytest.mark.long
def test_a_channel_that_cannot_be_told_is_said_at_the_start_without_its_secret(tmp_path: Path) -> None:
    mixed = RED_TO_WEB.replace("[json://", "[slack://an-invented-token, json://")

    with serve(tmp_path, settings(tmp_path, mixed)) as served:
        assert served.end() == 0

    warnings = [line["event"] for line in served.log if line["level"] == "warning"]
    assert [warning for warning in warnings if warning.startswith("channel ")] == [
        (
            f"channel web (slack): {tmp_path}/roundsman.yaml:3: Apprise does not understand this slack:// URL: "
            "compare it with appriseit.com/services"
        )
    ]
    assert "an-invented-token" not in str(served.log)


@pytest.mark.long
def test_ctrl_c_is_a_wish_to_end_and_no_accident(served: Served) -> None:
    assert served.end(signal.SIGINT) == 0
    assert all(line["level"] != "error" for line in served.log)


@pytest.mark.long
def test_a_send_that_was_begun_may_end(tmp_path: Path) -> None:
    with slow_channel() as channel:
        routes = RED_TO_WEB.replace("json://web.example.com", channel.url)
        with serve(tmp_path, settings(tmp_path, routes)) as served:
            served.post(as_bytes(workflow_completed(RED)))
            assert channel.arrived.wait(ENDS_WITHIN_S)

            served.process.send_signal(signal.SIGTERM)
            served.read_until("roundsman is stopping: what was begun may end")
            channel.may_answer.set()
            code = served.ended()

    assert code == 0
    assert rows(tmp_path, "SELECT state FROM notifications") == [("sent",)]
    assert rows(tmp_path, "SELECT outcome FROM attempts") == [("sent",)]


@pytest.mark.long
def test_send_of_twenty_seconds_ends_and_is_not_repeated_after_a_restart(tmp_path: Path) -> None:
    with slow_channel() as channel:
        routes = RED_TO_WEB.replace("json://web.example.com", channel.url)
        with serve(tmp_path, settings(tmp_path, routes)) as served:
            served.post(as_bytes(workflow_completed(RED)))
            assert channel.arrived.wait(ENDS_WITHIN_S)
            threading.Timer(20, channel.may_answer.set).start()
            code = served.end(signal.SIGTERM)
        channel.arrived.clear()
        with serve(tmp_path, settings(tmp_path, routes)) as again:
            until(lambda: httpx.get(f"{again.address}/readyz", trust_env=False).status_code == 200)
            assert again.end() == 0

    assert code == 0
    assert rows(tmp_path, "SELECT outcome FROM attempts") == [("sent",)]
    assert not channel.arrived.is_set()


@pytest.mark.long
def test_a_second_one_in_the_same_folder_is_refused(served: Served, tmp_path: Path) -> None:
    second = run("serve", folder=tmp_path, **settings(tmp_path), ROUNDSMAN_PORT="0")

    assert second.returncode == 1
    assert f"is in use by `roundsman serve`, process {served.process.pid}, since " in second.stderr


@pytest.mark.long
def test_a_port_that_is_taken_is_a_sentence(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]

        ended = run("serve", folder=tmp_path, **settings(tmp_path), ROUNDSMAN_PORT=str(port))

    assert ended.returncode == 1
    assert json.loads(ended.stderr.splitlines()[-1])["problem"] == (
        f"cannot listen on 127.0.0.1 port {port}: Address already in use; "
        "set ROUNDSMAN_HOST and ROUNDSMAN_PORT to an address that is free"
    )


@pytest.mark.long
def test_commands_work_beside_a_running_service(served: Served, tmp_path: Path) -> None:
    delivery = served.post(as_bytes(workflow_completed(GREEN))).json()["delivery"]
    first = served.read_until("delivery")
    assert first["delivery"] == delivery

    replayed = run("replay", delivery, folder=tmp_path)
    listed = run("events", "list", "--json", folder=tmp_path)

    assert (replayed.returncode, listed.returncode) == (0, 0)
    assert served.end() == 0


# inbox


@pytest.mark.long
def test_inbox_prints_received_messages(tmp_path: Path) -> None:
    with subprocess.Popen(
        [str(ROUNDSMAN), "inbox", "--port", "0"], cwd=tmp_path, env=surroundings({}), stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        address = process.stdout.readline().rpartition("json://")[2].strip().removesuffix("/NAME")
        post = {"title": "acme/web main: failed", "message": "by Ada", "type": "failure"}
        answer = httpx.post(f"http://{address}/web-team", json=post, trust_env=False)
        process.send_signal(signal.SIGINT)
        printed, _ = process.communicate(timeout=ENDS_WITHIN_S)

    assert (answer.status_code, process.returncode) == (200, 0)
    assert printed == "  web-team | acme/web main: failed\n  web-team | by Ada\n"


@pytest.mark.long
def test_an_inbox_whose_port_is_taken_says_which_option_names_another(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]

        ended = run("inbox", "--port", str(port), folder=tmp_path)

    assert ended.returncode == 1
    assert ended.stderr.splitlines() == [
        f"cannot listen on 127.0.0.1 port {port}: Address already in use; name one that is free with --port"
    ]


# Completion


@pytest.mark.long
@pytest.mark.parametrize(
    ("words", "found"),
    first_and_long(
        [
            (["events", ""], ["list", "show"]),
            (["eve"], ["events"]),
            (["events", "list", "--br"], ["--branch"]),
            (["dead-letters", "--dis"], ["--dismissed"]),
        ]
    ),
)
def test_bash_completes_commands_and_options(tmp_path: Path, words: list[str], found: list[str]) -> None:
    line = " ".join(f"'{word}'" for word in ("roundsman", *words))
    script = (
        f'eval "$(_ROUNDSMAN_COMPLETE=source_bash {ROUNDSMAN})"; COMP_WORDS=({line}); COMP_CWORD={len(words)}; '
        f'_roundsman_completion {ROUNDSMAN}; printf "%s\\n" "${{COMPREPLY[@]}}"'
    )

    ended = subprocess.run(["bash", "-c", script], cwd=tmp_path, env=surroundings({}), capture_output=True, check=False)

    assert (ended.stdout.decode().split(), ended.stderr) == (found, b"")


# Pipes


@pytest.mark.long
@pytest.mark.parametrize("words", first_and_long([["events", "list"], ["check"], ["nonsense"]]))
def test_a_pipe_gets_no_colours(folder: Path, words: list[str]) -> None:
    ended = run(*words, folder=folder, **environ(folder, RED_TO_WEB), TERM="xterm-256color")

    assert COLOUR not in ended.stdout + ended.stderr
    assert ended.stdout + ended.stderr


@pytest.mark.long
@pytest.mark.parametrize("words", first_and_long([["events", "list"], ["--help"], ["events", "list", "--json"]]))
def test_closed_pipe_causes_no_traceback(folder: Path, words: list[str]) -> None:
    nobody, pipe = os.pipe()
    os.close(nobody)

    ended = subprocess.run(
        [str(ROUNDSMAN), *words],
        cwd=folder,
        env=surroundings({"ROUNDSMAN_DATABASE_URL": "sqlite:///roundsman.db"}),
        stdout=pipe,
        stderr=subprocess.PIPE,
        text=True,
        timeout=ENDS_WITHIN_S,
        check=False,
    )
    os.close(pipe)

    assert (ended.returncode, ended.stderr) == (1, "")


@pytest.mark.long
def test_ctrl_c_in_the_demo_s_day_ends_it_without_a_traceback(tmp_path: Path) -> None:
    with subprocess.Popen(
        [str(ROUNDSMAN), "demo", "--port", "0"],
        cwd=tmp_path,
        env=surroundings({"TMPDIR": str(tmp_path)}),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout
        next(line for line in process.stdout if line.startswith("08:30"))
        process.send_signal(signal.SIGINT)
        _, complaints = process.communicate(timeout=ENDS_WITHIN_S)

    assert process.returncode == 0
    assert complaints == ""
