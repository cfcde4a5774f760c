"""The demo's servers (the service, the fake CircleCI, the inbox), and its output."""

import asyncio
import logging
import os
import signal
import socket
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from pathlib import Path
from shlex import quote

import httpx
from rich.console import Console
from rich.text import Text

from service.app.service import Service, build
from service.clock import now_utc
from service.config.configuration import Config, load
from service.config.env import load_settings
from service.db.data_folder import lock_folder
from service.db.migrate import migrate
from service.demo.clock import StoryClock
from service.demo.day import CLOSED_CHANNELS, acts_of_the_day, roundsman_yaml
from service.demo.play import Act, AnswerCounts, Scene, narrator, play
from service.demo.shown import Readback, print_shown, show_all
from service.demo.visitors import finish_runs
from service.demo.waiting import look_for_approvals
from service.errors import BadConfig, Temporary
from service.logs import configure_logs
from service.operations import queries
from service.operations.hooks.hook_addresses import HOOK_PATH
from service.pipeline.context import RetryPolicy
from service.store.deliveries import dead_counts
from service.store.events.filters import Search
from service.terminal import print_line, print_url
from service.testing.fake_circleci.organization import ADA, PROJECTS
from service.testing.fake_circleci.sender import Sender
from service.testing.fake_circleci.server import FakeCircleCI
from service.testing.inbox import Inbox
from service.web.auth.session import login_link
from service.web.auth.token_file import ensure_token, token_file
from service.web.server.server import listen, listener_url, serving

SECRET = "only-for-the-demo"  # noqa: S105 - reason: a fake CircleCI's fake secret
TOKEN = "only-for-the-demo-either"  # noqa: S105 - reason: the same
# a day passes in a minute
FAST_RETRIES = RetryPolicy(min_pause=timedelta(seconds=1), details_timeout=timedelta(seconds=20))
SETTLE_WITHIN_S = 30.0
EVENING = 17  # from this hour on CircleCI is asked for its own figures of the day
POLL_INTERVAL_S = 0.1
INTERRUPTED = 130  # the exit code that shells give for Ctrl-C


@dataclass(frozen=True, kw_only=True)
class Script:
    """The acts of a day, and the pace at which they are played; 0 is without pauses."""

    acts: Callable[[date], Sequence[Act]] = acts_of_the_day
    pace: float = 1.0

    @property
    def is_whole(self) -> bool:
        """True if it is the whole day, of which the summary checks what it showed."""
        return self.acts is acts_of_the_day


@dataclass(frozen=True, kw_only=True)
class Stage:
    """The running servers of the demo, each a real HTTP server."""

    service: Service
    pretend: FakeCircleCI
    inbox: Inbox
    address: str
    circleci_url: str
    sender: Sender
    admin_token: str
    clock: StoryClock
    api: httpx.AsyncClient
    folder: Path


async def run(
    *, once: bool, port: int, folder: Path | None, script: Script | None = None, console: Console | None = None
) -> int:
    """Play the day, and return the exit code.

    It is 0 if every post had the outcome of the script, and all was shown that the day is to show, else 1. Ctrl-C,
    SIGTERM or SIGHUP ends the demo at any time; during the day the code is then 130 with ``once``, 0 without.
    """
    console = console or Console(highlight=False)
    configure_logs(logging.ERROR)  # the narrator and the inbox print, the service does not
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1"  # every server of the demo is on this machine
    asked = asyncio.create_task(end_request().wait())
    with (
        _data_folder(folder) as place,
        lock_folder(place, command="roundsman demo", since=now_utc(), named_by="--folder"),
    ):
        async with _start_stage(place, port, console) as stage:
            _print_introduction(console, stage, place, port=port)
            playing = asyncio.create_task(_play(console, stage, script or Script()))
            await asyncio.wait({playing, asked}, return_when=asyncio.FIRST_COMPLETED)
            if not playing.done():
                await _cancel(playing)
                return INTERRUPTED if once else 0
            if not once:
                await _print_next_steps(console, stage)
                look = partial(look_for_approvals, stage.service)
                going_on = asyncio.create_task(finish_runs(stage.pretend, stage.sender.send, look=look))
                await asked
                await _cancel(going_on)
    return 0 if await playing else 1


def end_request() -> asyncio.Event:
    """Return an event that Ctrl-C, SIGTERM or SIGHUP sets.

    A second Ctrl-C ends the process at once. A second SIGTERM does not, since `make` may pass on what its whole
    group was sent: a temporary folder with a token must not stay behind.
    """
    event, loop = asyncio.Event(), asyncio.get_running_loop()

    def interrupt() -> None:
        loop.remove_signal_handler(signal.SIGINT)
        event.set()

    loop.add_signal_handler(signal.SIGINT, interrupt)
    loop.add_signal_handler(signal.SIGTERM, event.set)
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # it is under nohup
        loop.add_signal_handler(signal.SIGHUP, event.set)
    return event


async def _play(console: Console, stage: Stage, script: Script) -> bool:
    day = _story_day()
    scene = Scene(
        pretend=stage.pretend,
        send=stage.sender.send,
        narrate=narrator(console),
        api=stage.api,
        move_to=stage.clock.move_to,
        settle=partial(_settle, stage),
    )
    tally = await play(script.acts(day), scene, pace=script.pace)
    agrees = await _print_summary(console, stage, tally)
    if script.is_whole:
        readback = Readback(api=stage.api, cards=stage.inbox.cards, explain=partial(_explain, stage))
        agrees &= print_shown(console, await show_all(readback, day))
    stage.clock.end_story()
    return agrees


def _story_day() -> date:
    """Return the day of the story: today's evening has not happened yet."""
    return now_utc().date() - timedelta(days=1)


async def _settle(stage: Stage) -> None:
    """Have all done that is due by the clock, and wait until nothing is left to do.

    The service looks once a minute for approvals, CircleCI's figures and digests; here a minute is the whole day.
    """
    for run in [one for one in stage.pretend.runs if one.status == "on_hold"]:
        await look_for_approvals(stage.service, run)
    if stage.clock().hour >= EVENING:
        await stage.service.pipeline.ask_projects()
    await stage.service.pipeline.plan_digests()
    await _wait_until_settled(stage.service)


async def _explain(stage: Stage, event_id: str) -> str:
    """Return the output of `roundsman explain`, as in another terminal."""
    command = (sys.executable, "-c", "from service.cli._app import main; main()", "explain", event_id)
    running = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, env=os.environ | _settings(stage.folder, stage)
    )
    printed, _ = await running.communicate()
    return printed.decode(errors="replace")


async def _cancel(task: asyncio.Task[bool] | asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


@contextmanager
def _data_folder(folder: Path | None) -> Iterator[Path]:
    """Yield the folder for the demo's data. Raises BadConfig for a folder in use.

    The demo would overwrite a roundsman.yaml, and mix its builds with true ones. If none is given, it is a temporary
    folder, which is deleted at the end.
    """
    if folder is None:
        with tempfile.TemporaryDirectory(prefix="roundsman-demo-") as made:
            yield Path(made)
        return
    if _is_in_use(folder):
        raise BadConfig(f"--folder {folder} is in use; name a folder that is empty or does not exist yet")
    yield folder


def _is_in_use(folder: Path) -> bool:
    """Return True if the folder is not empty. Raises BadConfig if it cannot be used."""
    try:
        load_settings({"ROUNDSMAN_DATABASE_URL": _database_url(folder)})
        return folder.exists() and (not folder.is_dir() or any(folder.iterdir()))
    except BadConfig as error:
        raise BadConfig(f"--folder {folder} {str(error).removeprefix('ROUNDSMAN_DATABASE_URL ')}") from None
    except OSError as error:
        raise BadConfig(f"--folder {folder} cannot be used: {error.strerror}; name another with --folder") from error


def _listener(port: int) -> socket.socket:
    """Listen on the port, or on any free one if it is taken: a demo should not fail."""
    try:
        return listen("127.0.0.1", port)
    except (BadConfig, Temporary):
        return listen("127.0.0.1", 0)


@asynccontextmanager
async def _start_stage(folder: Path, port: int, console: Console) -> AsyncIterator[Stage]:
    clock = StoryClock(datetime.combine(_story_day(), time.min, UTC))
    pretend = FakeCircleCI(token=TOKEN, owner=ADA, projects=PROJECTS)
    inbox = Inbox(console, closed=CLOSED_CHANNELS)
    async with AsyncExitStack() as stack:
        listener = stack.enter_context(_listener(port))
        circleci_url = await stack.enter_async_context(serving(pretend.app, listen("127.0.0.1", 0)))
        inbox_url = await stack.enter_async_context(serving(inbox.app, listen("127.0.0.1", 0)))
        token = ensure_token(folder)
        config = _config(folder, circleci_url=circleci_url, inbox_url=inbox_url, public_url=listener_url(listener))
        migrate(config.settings.database_url)
        service = build(_with_token(config, token), clock=clock, session_clock=now_utc, retry_policy=FAST_RETRIES)
        await stack.enter_async_context(service.running())
        url = await stack.enter_async_context(serving(service.asgi, listener))
        stack.callback(service.stop)  # before the server ends: it would wait for the streams of open pages
        http = await stack.enter_async_context(httpx.AsyncClient())
        sender = Sender(http, url=f"{url}{HOOK_PATH}", secret=SECRET)
        bearer = {"Authorization": f"Bearer {token}"}
        api = await stack.enter_async_context(httpx.AsyncClient(base_url=url, headers=bearer))
        yield Stage(
            service=service,
            pretend=pretend,
            inbox=inbox,
            address=url,
            circleci_url=circleci_url,
            sender=sender,
            admin_token=token,
            clock=clock,
            api=api,
            folder=folder,
        )


def _config(folder: Path, *, circleci_url: str, inbox_url: str, public_url: str) -> Config:
    """Write roundsman.yaml, and return the configuration as a user would have it."""
    file = folder / "roundsman.yaml"
    file.write_text(roundsman_yaml(inbox_url.removeprefix("http://")), encoding="utf-8")
    return load(
        {
            "ROUNDSMAN_DATABASE_URL": _database_url(folder),
            "ROUNDSMAN_CONFIG": str(file),
            "ROUNDSMAN_WEBHOOK_SECRETS": SECRET,
            "ROUNDSMAN_CIRCLECI_TOKEN": TOKEN,
            "ROUNDSMAN_RECONCILE": "0",  # its posts come at the pace of a play, and some are refused on purpose
            "ROUNDSMAN_CIRCLECI_URL": circleci_url,
            "ROUNDSMAN_PUBLIC_URL": public_url,
        }
    )


def _with_token(config: Config, token: str) -> Config:
    """Return the configuration with the folder's admin token, as in `serve`."""
    return replace(config, settings=config.settings.model_copy(update={"admin_token": token}))


def _database_url(folder: Path) -> str:
    return f"sqlite:///{(folder / 'roundsman.db').absolute()}"


async def _wait_until_settled(service: Service) -> None:
    """Wait until nothing is left to judge or to send, at most SETTLE_WITHIN_S."""
    for _ in range(int(SETTLE_WITHIN_S / POLL_INTERVAL_S)):
        if await service.context.store.snapshot(queries.count_unsettled) == 0:
            return
        await asyncio.sleep(POLL_INTERVAL_S)


def _print_introduction(console: Console, stage: Stage, folder: Path, *, port: int) -> None:
    _print(console, "Roundsman's demo: a small organization's day in a minute.\n")
    if port and not stage.address.endswith(f":{port}"):
        _print(console, f"Port {port} is in use, so the pages have another one.\n")
    settings = _write_settings(folder, stage)
    print_line(console, Text("pages, by a link that is good for one login within 15 minutes", style="bold"))
    print_url(console, _link(stage))
    for what, *lines in (
        ("commands, in another terminal", f". {settings}", "roundsman events list"),
        (
            "API, there too",
            'curl --oauth2-bearer "$ROUNDSMAN_ADMIN_TOKEN" \\',
            '  "$ROUNDSMAN_PUBLIC_URL/api/v1/events"',
        ),
        ("routes", str(folder / "roundsman.yaml")),
        ("your own CircleCI", 'the README, "Connect your own CircleCI": five steps'),
    ):
        print_line(console, Text(what, style="bold"))
        for line in lines:
            print_line(console, Text(f"  {line}"))
    console.print()


def _write_settings(folder: Path, stage: Stage) -> Path:
    """Write a file of settings that another terminal sources, and return its path."""
    file = (folder / "demo.env").absolute()
    settings = {name: quote(value) for name, value in _settings(folder, stage).items()}
    settings["PATH"] = f'{quote(str(Path(sys.executable).parent))}:"$PATH"'
    settings["ROUNDSMAN_ADMIN_TOKEN"] = f'"$(cat {quote(str(token_file(folder).absolute()))})"'
    file.write_text("".join(f"export {name}={value}\n" for name, value in settings.items()), encoding="utf-8")
    return file


def _settings(folder: Path, stage: Stage) -> dict[str, str]:
    """Return the settings of commands, those that manage the pretend CircleCI too."""
    return {
        "ROUNDSMAN_DATABASE_URL": _database_url(folder),
        "ROUNDSMAN_CONFIG": str((folder / "roundsman.yaml").absolute()),
        "ROUNDSMAN_PUBLIC_URL": stage.address,
        "ROUNDSMAN_CIRCLECI_URL": stage.circleci_url,
        "ROUNDSMAN_CIRCLECI_TOKEN": TOKEN,
        "ROUNDSMAN_WEBHOOK_SECRETS": SECRET,
    }


async def _print_next_steps(console: Console, stage: Stage) -> None:
    """Print the next commands to try while the service stays."""
    newest = (await stage.service.context.store.snapshot(queries.list_events, Search(), limit=1))["items"][0]
    _print(console, f"Try, in that other terminal: roundsman explain {newest['id'][:8]}")
    _print(console, "The day is over; the pages stay until you press Ctrl-C. A fresh login link:")
    print_url(console, _link(stage))


def _link(stage: Stage) -> str:
    return login_link(stage.admin_token, stage.address, now_utc())


async def _print_summary(console: Console, stage: Stage, tally: AnswerCounts) -> bool:
    """Print the service's counts; return True if they agree with sender and inbox."""
    dead = sum((await stage.service.context.store.snapshot(dead_counts.count_dead_letters)).values())
    kept, duplicates = _count_deliveries(stage, "kept"), _count_deliveries(stage, "duplicate")
    rejected = _count_deliveries(stage, "bad_signature") + _count_deliveries(stage, "refused")
    notified = await stage.service.context.store.read(queries.count_sent)
    _print(
        console,
        f"\nreceived {kept + duplicates}, rejected {rejected}, duplicates {duplicates}, "
        f"notifications sent {notified}, dead letters {dead}",
    )
    agrees = (kept, duplicates, rejected, 0) == (tally.kept, tally.duplicates, tally.rejected, tally.unanswered)
    unsettled = await stage.service.context.store.snapshot(queries.count_unsettled)
    agrees &= notified == len(stage.inbox.cards) and not unsettled
    if agrees:
        _print(console, "All as the script says.")
    else:
        _print(console, f"That is not what was posted and arrived: {tally}, {len(stage.inbox.cards)} in the inbox.")
    return agrees


def _count_deliveries(stage: Stage, result: str) -> int:
    value = stage.service.context.metrics.registry.get_sample_value("roundsman_deliveries_total", {"result": result})
    return int(value or 0)


def _print(console: Console, sentence: str) -> None:
    print_line(console, Text(sentence))
