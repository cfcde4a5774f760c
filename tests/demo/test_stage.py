"""The demo on stage, at pace 0: the real service, real servers, and a summary that its books bear out."""

import asyncio
import io
import os
import re
import signal
import socket
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from unittest.mock import patch

import httpx
import pytest
from rich.console import Console

from service.demo.day import acts_of_the_day
from service.demo.play import Act
from service.demo.shown import CHECKS
from service.demo.stage import Script, end_request, run
from service.errors import BadConfig, Temporary
from service.testing.fake_circleci.sender import Post
from service.testing.sample_runs import clock
from tests.support.log_capture import logged
from tests.support.processes import ROUNDSMAN


class Audience(io.StringIO):
    """Whoever watches; ``heard`` is set once a line with these words was said."""

    def __init__(self, words: str) -> None:
        super().__init__()
        self._words = words
        self.heard = asyncio.Event()

    async def hear(self, words: str) -> None:
        """Wait for other words."""
        self._words, self.heard = words, asyncio.Event()
        self.write("")
        await asyncio.wait_for(self.heard.wait(), timeout=120)

    def write(self, text: str) -> int:
        written = super().write(text)
        if self._words in self.getvalue():
            self.heard.set()
        return written


@pytest.fixture(autouse=True)
def surroundings() -> Iterator[None]:
    """The log and the environment as they were, after a demo has set both."""
    with logged(), patch.dict(os.environ):
        yield


WHOLE_DAY = Script(pace=0)
TOLD = [
    ("09:12", "web-team broke"),  # and of the red of 09:37 no one
    ("09:56", "web-team fixed"),
    ("10:20", "api-team broke"),
    ("10:20", "on-call broke dead"),
    ("10:34", "api-team fixed"),
    ("11:40", "api-team broke"),
    *[("12:04", f"{team} broke") for team in ("web-team", "web-team", "api-team", "api-team", "web-team", "web-team")],
    *[("12:29", f"{team} fixed") for team in ("web-team", "web-team", "api-team", "api-team", "web-team", "web-team")],
    ("13:15", "web-team broke"),
    ("14:45", "web-team broke"),
    ("15:59", "release-crew run"),  # the deploy job, and the release
    ("15:59", "release-crew run"),
    ("16:40", "api-team broke"),
    ("16:40", "on-call broke dead"),
    ("16:51", "api-team fixed"),
    ("17:10", "api-team run"),
    ("17:20", "release-crew run"),  # the approval that is waited for
    ("23:30", "api-team broke"),
]
MORNING = Script(acts=lambda on: acts_of_the_day(on)[:5], pace=0)  # ends with the first red build
WAITING = Script(acts=lambda on: [one for one in acts_of_the_day(on) if one.line.startswith("WAITS")], pace=0)
TOO_LARGE = Post(event_type="ping", body=b" " * 2**22)
REFUSED = Script(acts=lambda on: [Act(at=clock(on, "08:30"), line="a post that is too large", posts=(TOO_LARGE,))])


async def played(
    folder: Path | None, audience: Audience, *, once: bool = True, port: int = 0, script: Script = WHOLE_DAY
) -> int:
    console = Console(file=audience, soft_wrap=True, highlight=False)
    return await run(once=once, port=port, folder=folder, script=script, console=console)


@pytest.mark.long
async def test_the_day_comes_out_as_its_script_says(tmp_path: Path) -> None:
    audience = Audience("received")

    code = await played(tmp_path / "fresh", audience)

    said = audience.getvalue().splitlines()
    assert [line for line in said if "MISSING" in line] == []
    # what broke of one cause is told in one message, as far as it waits when a third project breaks
    assert re.fullmatch("received 65, rejected 2, duplicates 1, notifications sent 2[1-7], dead letters 3", said[-14])
    assert said[-13] == "All as the script says."
    assert [line.partition("  ")[0] for line in said[-11:-1]] == list(CHECKS)
    assert said[-1] == "The day showed all that it was to show."
    assert code == 0
    assert "within 15 minutes\nhttp://127.0.0.1:" in audience.getvalue()
    assert {"admin-token", "demo.env", "roundsman.db"} <= {path.name for path in (tmp_path / "fresh").iterdir()}
    assert told(tmp_path / "fresh") == TOLD


def told(folder: Path) -> list[tuple[str, str]]:
    """Return the time of day of each notification, and whom it tells of what; unless it was sent, what became of it."""
    query = """
        SELECT happened_at, receiver, news, notifications.state FROM notifications
        JOIN events ON events.id = notifications.event_id ORDER BY happened_at, receiver, notifications.id
    """
    with closing(sqlite3.connect(folder / "roundsman.db")) as database:
        found = database.execute(query).fetchall()
    return [(at[11:16], f"{who} {news} {state}".removesuffix(" sent")) for at, who, news, state in found]


@pytest.mark.long
async def test_pages_stay_until_ctrl_c(tmp_path: Path) -> None:
    audience = Audience("until you press Ctrl-C")
    playing = asyncio.create_task(played(tmp_path / "fresh", audience, once=False, script=MORNING))
    await asyncio.wait_for(audience.heard.wait(), timeout=120)
    links = re.findall(r"http://127\.0\.0\.1:\d+/login/\S+", audience.getvalue())

    pages = []
    for link in links:
        async with httpx.AsyncClient(trust_env=False, follow_redirects=True) as http:
            pages.append(await http.get(link))
    os.kill(os.getpid(), signal.SIGINT)
    code = await playing

    assert ([page.status_code for page in pages], code) == ([200, 200], 0)
    assert all("build-and-test" in page.text for page in pages)
    assert re.search("Try, .*: roundsman explain [0-9a-f]{8}\n", audience.getvalue())


@pytest.mark.long
async def test_rerun_that_a_visitor_asks_for_ends_green_and_is_told(tmp_path: Path) -> None:
    audience = Audience("until you press Ctrl-C")
    playing = asyncio.create_task(played(tmp_path / "fresh", audience, once=False, script=MORNING))
    await asyncio.wait_for(audience.heard.wait(), timeout=120)
    [red] = re.findall(r"roundsman explain ([0-9a-f]{8})\n", audience.getvalue())
    command = f'. {tmp_path / "fresh" / "demo.env"} && "$0" rerun {red} --yes'

    asking = await asyncio.create_subprocess_exec("sh", "-c", command, str(ROUNDSMAN), stdout=asyncio.subprocess.PIPE)
    said, _ = await asking.communicate()
    await audience.hear("Green after a rerun of the same commit.")
    os.kill(os.getpid(), signal.SIGINT)

    assert await playing == 0
    assert said.startswith(b"rerun: done; new workflow ")
    assert "web-team | acme/web main fixed after" in audience.getvalue()


@pytest.mark.long
async def test_approval_that_a_visitor_gives_lets_the_run_go_on_and_is_told(tmp_path: Path) -> None:
    audience = Audience("until you press Ctrl-C")
    playing = asyncio.create_task(played(tmp_path / "fresh", audience, once=False, script=WAITING))
    await asyncio.wait_for(audience.heard.wait(), timeout=120)
    [waits] = re.findall(r"/builds/([0-9a-f-]{36})#why", audience.getvalue())
    env = f". {tmp_path / 'fresh' / 'demo.env'}"

    listing = await asyncio.create_subprocess_exec(
        "sh", "-c", f'{env} && "$0" holds --json', str(ROUNDSMAN), stdout=asyncio.subprocess.PIPE
    )
    waiting, _ = await listing.communicate()
    asking = await asyncio.create_subprocess_exec(
        "sh", "-c", f'{env} && "$0" approve {waits} --yes', str(ROUNDSMAN), stdout=asyncio.subprocess.PIPE
    )
    said, _ = await asking.communicate()
    await audience.hear("was approved")
    os.kill(os.getpid(), signal.SIGINT)

    assert await playing == 0
    assert b"approve-production" in waiting
    assert said.startswith(b"approve: done")


@pytest.mark.long
@pytest.mark.parametrize(("once", "code"), [(False, 0), (True, 130)])
async def test_ctrl_c_ends_the_day_at_any_time_and_well(tmp_path: Path, once: bool, code: int) -> None:
    audience = Audience("08:30")
    playing = asyncio.create_task(played(tmp_path / "fresh", audience, once=once, script=Script(pace=60)))
    await asyncio.wait_for(audience.heard.wait(), timeout=120)

    os.kill(os.getpid(), signal.SIGINT)

    assert await playing == code
    assert "received" not in audience.getvalue()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
async def test_a_signal_that_comes_twice_lets_the_demo_clean_up(number: signal.Signals) -> None:
    before = signal.signal(number, lambda *_: None)  # an unhandled one would end the tests
    try:
        asked = end_request()
        os.kill(os.getpid(), number)
        await asyncio.wait_for(asked.wait(), timeout=120)

        assert signal.getsignal(number) is not signal.SIG_DFL
    finally:
        asyncio.get_running_loop().remove_signal_handler(number)
        signal.signal(number, before)


@pytest.mark.long
async def test_the_commands_look_into_a_running_demo(tmp_path: Path) -> None:
    audience = Audience("received")

    await played(tmp_path / "fresh", audience, script=MORNING)

    settings = tmp_path / "fresh" / "demo.env"
    assert f"commands, in another terminal\n  . {settings}\n" in audience.getvalue()
    command = (
        f'. {settings} && "$0" events list --json && [ -n "$ROUNDSMAN_ADMIN_TOKEN" ] && '
        "echo $ROUNDSMAN_PUBLIC_URL $ROUNDSMAN_CIRCLECI_URL"
    )
    asking = await asyncio.create_subprocess_exec(
        *("sh", "-c", command, str(ROUNDSMAN)), stdout=asyncio.subprocess.PIPE, env={"PATH": os.environ["PATH"]}
    )
    said, _ = await asking.communicate()
    assert asking.returncode == 0
    assert re.search(rb"http://127\.0\.0\.1:\d+ http://127\.0\.0\.1:\d+$", said.strip())


@pytest.mark.long
async def test_a_port_that_is_taken_is_no_reason_to_fail(tmp_path: Path) -> None:
    audience = Audience("received")
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]

        code = await played(tmp_path / "fresh", audience, port=port, script=MORNING)

    assert code == 0
    assert f"http://127.0.0.1:{port}/" not in audience.getvalue()
    assert f"Port {port} is in use, so the pages have another one." in audience.getvalue()


@pytest.mark.long
async def test_a_proxy_in_the_environment_is_not_asked(tmp_path: Path) -> None:
    audience = Audience("received")
    nowhere = {"HTTP_PROXY": "http://127.0.0.1:9", "http_proxy": "http://127.0.0.1:9"}
    with patch.dict(os.environ, nowhere), patch("tempfile.tempdir", str(tmp_path)):
        code = await played(None, audience, script=MORNING)

    assert code == 0
    assert "notifications sent 1" in audience.getvalue()
    assert f"routes\n  {tmp_path}/roundsman-demo-" in audience.getvalue()
    assert not list(tmp_path.iterdir())  # noqa: ASYNC240 - nobody named the folder, so it went with the demo


@pytest.mark.long
async def test_books_that_do_not_agree_are_told_and_end_with_1(tmp_path: Path) -> None:
    audience = Audience("received")

    code = await played(tmp_path / "fresh", audience, script=REFUSED)  # CircleCI tries it three times

    assert code == 1
    assert "That is not what was posted and arrived: " in audience.getvalue().splitlines()[-1]


@pytest.mark.parametrize(
    ("folder", "reason"),
    [
        ("file/demo", "Not a directory"),
        ("/proc/demo", "No such file or directory"),
        ("n" * 300, "has a name that is longer than 255 bytes"),
        ("what?", "must name a file and nothing else: no parameters, and no ? in its name"),
        ("two\nlines", "holds a control character"),
    ],
)
async def test_folder_that_can_hold_nothing_is_told_by_its_option(tmp_path: Path, folder: str, reason: str) -> None:
    (tmp_path / "file").touch()

    with pytest.raises((BadConfig, Temporary)) as caught:
        await played(tmp_path / folder, Audience("received"))

    assert "--folder" in str(caught.value)
    assert reason in str(caught.value)
    assert "ROUNDSMAN" not in str(caught.value)


@pytest.mark.parametrize("is_file", [True, False])
async def test_a_folder_with_something_in_it_is_left_alone(tmp_path: Path, is_file: bool) -> None:
    (tmp_path / "roundsman.yaml").write_text("mine")

    with pytest.raises(BadConfig, match="is in use; name a folder that is empty or does not exist yet"):
        await played(tmp_path / "roundsman.yaml" if is_file else tmp_path, Audience("received"))

    assert (tmp_path / "roundsman.yaml").read_text() == "mine"
    assert not (tmp_path / "roundsman.db").exists()
