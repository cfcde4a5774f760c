"""SIGHUP: roundsman.yaml is read again while the service runs, and takes effect if it is right."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from service.testing.fake_circleci.payloads import as_bytes, workflow_completed
from tests.support.app_fixture import RED, environ
from tests.support.fake_servers import HttpEnd, http_end
from tests.support.long_cases import first_and_long
from tests.support.processes import ENDS_WITHIN_S, ROUNDSMAN, Served, serve, slow_channel, surroundings, until

TELL = """\
receivers:
  {name}:
    channels: [json://127.0.0.1:{port}/{name}]
routes:
  - match: {{status: failed}}
    receiver: {name}
"""


@pytest.fixture
def end() -> Iterator[HttpEnd]:
    with http_end() as end:
        yield end


def write(folder: Path, text: str) -> None:
    (folder / "roundsman.yaml").write_text(text, encoding="utf-8")


def settings(folder: Path, text: str, **more: str) -> dict[str, str]:
    given = environ(folder, text, **more)
    del given["ROUNDSMAN_CIRCLECI_TOKEN"]
    return given


def news(number: int) -> bytes:
    return as_bytes(workflow_completed(replace(RED, number=number)))


def told(end: HttpEnd) -> list[str]:
    return [urlsplit(got.url).path for got in end.got]


@pytest.mark.long
@pytest.mark.databases("sqlite")
def test_the_next_webhook_goes_by_the_new_file_and_a_broken_one_changes_nothing(folder: Path, end: HttpEnd) -> None:
    with serve(folder, settings(folder, TELL.format(name="old", port=end.port))) as served:
        served.post(news(1))
        until(lambda: told(end) == ["/old"])

        write(folder, TELL.format(name="new", port=end.port))
        served.process.send_signal(signal.SIGHUP)
        reloaded = served.read_until("settings reloaded")
        served.post(news(2))
        until(lambda: told(end) == ["/old", "/new"])

        write(folder, TELL.format(name="newest", port=end.port).replace("receiver: newest", "receiver: nobody"))
        served.process.send_signal(signal.SIGHUP)
        refused = served.read_until("settings not reloaded")
        served.post(news(3))
        until(lambda: told(end) == ["/old", "/new", "/new"])
        code = served.end()

    assert (reloaded["routes"], reloaded["receivers"]) == (1, 1)
    assert refused["level"] == "warning"
    assert ["roundsman.yaml:6" in problem and "nobody" in problem for problem in refused["problems"]] == [True]
    assert code == 0


@pytest.mark.long
@pytest.mark.parametrize(
    "text", ["routes: [", "", "- a list", "\0", "receivers: {a: {channels: ['${NOT_SET}']}}", None]
)
def test_the_service_goes_on_after_any_error_in_the_file(folder: Path, end: HttpEnd, text: str | None) -> None:
    file = folder / "roundsman.yaml"
    with serve(folder, settings(folder, TELL.format(name="old", port=end.port))) as served:
        file.unlink() if text is None else write(folder, text)
        served.process.send_signal(signal.SIGHUP)
        assert served.read_until("settings not reloaded")["problems"]
        served.post(news(1))
        until(lambda: told(end) == ["/old"])

        assert served.end() == 0


@pytest.mark.long
def test_a_channel_that_works_is_not_given_up_for_one_that_no_service_has(folder: Path, end: HttpEnd) -> None:
    text = TELL.format(name="old", port=end.port)
    with serve(folder, settings(folder, text)) as served:
        write(folder, text.replace("json://", "jsno://"))
        served.process.send_signal(signal.SIGHUP)
        refused = served.read_until("settings not reloaded")
        served.post(news(1))
        until(lambda: told(end) == ["/old"])

        write(folder, text)
        served.process.send_signal(signal.SIGHUP)
        served.read_until("settings reloaded")
        assert served.end() == 0

    assert len(refused["problems"]) == 1
    assert "roundsman.yaml:3: no service has URLs that begin with jsno://" in refused["problems"][0]


@pytest.mark.long
def test_a_secret_in_a_file_is_read_again_and_what_cannot_change_is_named(folder: Path, end: HttpEnd) -> None:
    secrets, database = folder / "secrets", folder / "database"
    given = settings(folder, TELL.format(name="old", port=end.port))
    secrets.write_text("another-secret")
    database.write_text(given.pop("ROUNDSMAN_DATABASE_URL"))
    files = {"ROUNDSMAN_WEBHOOK_SECRETS_FILE": str(secrets), "ROUNDSMAN_DATABASE_URL_FILE": str(database)}
    secret = given.pop("ROUNDSMAN_WEBHOOK_SECRETS")
    with serve(folder, given | files) as served:
        before = served.post(news(1)).status_code
        secrets.write_text(secret)
        database.write_text("sqlite:////nowhere/else.db")
        served.process.send_signal(signal.SIGHUP)
        left = served.read_until("changed settings that take effect at the next start")
        after = served.post(news(1)).status_code

        assert served.end() == 0

    assert (before, after) == (401, 202)
    assert left["settings"] == ["ROUNDSMAN_DATABASE_URL"]
    assert secret not in str(served.log)


@pytest.mark.long
def test_a_message_under_way_ends_by_the_file_that_it_began_with(folder: Path, end: HttpEnd) -> None:
    with slow_channel() as channel:
        old = TELL.format(name="old", port=1).replace("json://127.0.0.1:1/old", channel.url)
        with serve(folder, settings(folder, old)) as served:
            served.post(news(1))
            assert channel.arrived.wait(ENDS_WITHIN_S)
            write(folder, TELL.format(name="new", port=end.port))
            served.process.send_signal(signal.SIGHUP)
            served.read_until("settings reloaded")
            channel.may_answer.set()
            attempt = served.read_until("attempt")

            assert served.end() == 0

    assert (attempt["channel"], attempt["outcome"]) == ("old (json)", "sent")


@pytest.mark.long
@pytest.mark.parametrize("delay_s", first_and_long([0.1, 0.0, 0.4]))
def test_a_hangup_while_the_service_starts_or_ends_does_not_kill_it(folder: Path, end: HttpEnd, delay_s: float) -> None:
    given = settings(folder, TELL.format(name="old", port=end.port), ROUNDSMAN_PORT="0")
    command = [str(ROUNDSMAN), "serve"]
    with subprocess.Popen(command, cwd=folder, env=surroundings(given), stderr=subprocess.PIPE, text=True) as process:
        until(lambda: heeds_hangups(process.pid))
        time.sleep(delay_s)
        process.send_signal(signal.SIGHUP)
        served = Served(process=process)
        served.read_until("roundsman is listening")
        process.terminate()
        while process.poll() is None:
            process.send_signal(signal.SIGHUP)
            time.sleep(0.01)
        served.ended()

    assert process.returncode == 0


def heeds_hangups(pid: int) -> bool:
    """Whether a process has said what is to be done at SIGHUP; before its first lines run, none can."""
    status = Path(f"/proc/{pid}/status").read_text()
    caught = int(status.partition("SigCgt:")[2].split()[0], 16)
    return bool(caught >> (signal.SIGHUP - 1) & 1)


@pytest.mark.long
def test_systemd_hears_that_it_serves_reloads_and_ends(folder: Path, end: HttpEnd, tmp_path: Path) -> None:
    address = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(address))
        manager.settimeout(ENDS_WITHIN_S)
        given = settings(folder, TELL.format(name="old", port=end.port), NOTIFY_SOCKET=str(address))
        with serve(folder, given) as served:
            served.process.send_signal(signal.SIGHUP)
            served.read_until("settings reloaded")
            assert served.end() == 0
        manager.setblocking(False)
        heard = list(everything(manager))

    assert [message.partition("=")[0] for message in heard] == ["READY", "RELOADING", "STATUS", "READY", "STOPPING"]
    assert heard[2] == "STATUS=settings reloaded: 1 routes, 1 receivers"


def everything(manager: socket.socket) -> Iterator[str]:
    while True:
        try:
            yield manager.recv(4096).decode()
        except BlockingIOError:
            return


@pytest.mark.long
def test_a_service_manager_that_does_not_listen_is_no_reason_to_end(folder: Path, end: HttpEnd) -> None:
    given = settings(folder, TELL.format(name="old", port=end.port), NOTIFY_SOCKET=str(folder / "nobody"))

    with serve(folder, given) as served:
        assert served.post(news(1)).status_code == 202
        assert served.end() == 0


@pytest.mark.long
def test_the_start_line_says_what_runs_and_the_level_what_is_left_out(folder: Path, end: HttpEnd) -> None:
    with serve(folder, settings(folder, TELL.format(name="old", port=end.port))) as served:
        line = served.log[-1]

    facts = {key: line[key] for key in ("role", "database", "routes", "receivers")}
    assert facts == {"role": "serve", "database": "sqlite", "routes": 1, "receivers": 1}
    assert line["version"]
    assert os.environ.get("ROUNDSMAN_LOG_LEVEL") is None


@pytest.mark.long
def test_each_process_on_postgres_reads_its_file_again(folder: Path, end: HttpEnd, url_in_real_time: str) -> None:
    given = settings(folder, TELL.format(name="old", port=end.port), ROUNDSMAN_ADMIN_TOKEN="an-invented-admin-token")
    given["ROUNDSMAN_DATABASE_URL"] = url_in_real_time
    with serve(folder, given, "web") as web, serve(folder, given, "worker") as worker:
        web.post(news(1))
        until(lambda: told(end) == ["/old"])
        write(folder, TELL.format(name="new", port=end.port))
        for process in (web, worker):
            process.process.send_signal(signal.SIGHUP)
            process.read_until("settings reloaded")
        web.post(news(2))
        until(lambda: told(end) == ["/old", "/new"])

        write(folder, "nonsense")
        for process in (web, worker):
            process.process.send_signal(signal.SIGHUP)
            process.read_until("settings not reloaded")
        web.post(news(3))
        until(lambda: told(end) == ["/old", "/new", "/new"])

        assert (web.end(), worker.end()) == (0, 0)
