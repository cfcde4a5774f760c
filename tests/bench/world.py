"""What is measured, and on what: a database of its own for each measurement, and Roundsman's own processes."""

import asyncio
import json
import sys
from asyncio.subprocess import DEVNULL
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from service.db.migrate import migrate
from tests.app_fixture import environ
from tests.bench.load import Outcome
from tests.fake_servers import free_port
from tests.postgres import Server
from tests.processes import ROUNDSMAN, surroundings

LOOK_AGAIN_S = 0.005
ROUTES = """\
receivers:
  web:
    channels: [json://127.0.0.1:{port}/told]
routes:
  - name: red
    match: {{status: failed}}
    receiver: web
"""


@dataclass(frozen=True, kw_only=True)
class Place:
    """A database, and the environment of a Roundsman that lives on it."""

    name: str
    folder: Path
    environ: dict[str, str]

    @property
    def database_url(self) -> str:
        """The address of the database."""
        return self.environ["ROUNDSMAN_DATABASE_URL"]


@dataclass(frozen=True, kw_only=True)
class Running:
    """A process that listens."""

    pid: int
    port: int

    def resident_mb(self) -> float:
        """How much memory it takes by now."""
        status = Path(f"/proc/{self.pid}/status").read_text(encoding="ascii")
        [kilobytes] = [line.split()[1] for line in status.splitlines() if line.startswith("VmRSS:")]
        return int(kilobytes) / 1024


@contextmanager
def a_place(server: Server | None, *, upstream: str, is_migrated: bool = True) -> Iterator[Place]:
    """An empty database: a file of its own, or one on a server; ``upstream`` is CircleCI and the channel in one."""
    with TemporaryDirectory(prefix="roundsman-bench-") as folder:
        given = environ(Path(folder), ROUTES.format(port=upstream.rpartition(":")[2]), ROUNDSMAN_CIRCLECI_URL=upstream)
        if server:
            given["ROUNDSMAN_DATABASE_URL"] = server.new_database()
        place = Place(name="Postgres" if server else "SQLite", folder=Path(folder), environ=given)
        if is_migrated:
            migrate(place.database_url)
        yield place


@asynccontextmanager
async def running(place: Place, *words: str, stay: Callable[[], None] | None = None) -> AsyncIterator[Running]:
    """``roundsman WORDS`` or ``python -m tests.bench.door WORDS``, from when it listens until the block ends."""
    port = free_port()
    program = [str(ROUNDSMAN)] if words[0] in {"serve", "web", "worker"} else [sys.executable, "-m", "tests.bench.door"]
    environment = surroundings({**place.environ, "ROUNDSMAN_PORT": str(port)})
    child = await asyncio.create_subprocess_exec(
        *program, *words, env=environment, stdout=DEVNULL, stderr=DEVNULL, preexec_fn=stay
    )
    try:
        await until_it_listens(port)
        yield Running(pid=child.pid, port=port)
    finally:
        child.kill()
        await child.wait()


async def until_it_listens(port: int) -> None:
    """Look again and again: it is another process, and says so to nobody."""
    while True:
        with suppress(ConnectionRefusedError):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.close()
            return await writer.wait_closed()
        await asyncio.sleep(LOOK_AGAIN_S)


async def post(port: int, count: int, *, series: int, connections: int = 32, at: str = "roundsman") -> Outcome:
    """Have a process of its own post so many webhooks that nobody posted before; equal series are equal webhooks."""
    path, header = {
        "roundsman": ("/hooks/circleci", "circleci-signature"),
        "webhook": ("/hooks/circleci", "x-signature"),
    }[at]
    asked = {"port": port, "count": count, "series": series, "connections": connections, "path": path, "header": header}
    with TemporaryDirectory(prefix="roundsman-bench-") as folder:
        file = Path(folder) / "outcome.json"
        words = [word for name, value in (asked | {"outcome": file}).items() for word in (f"--{name}", str(value))]
        child = await asyncio.create_subprocess_exec(sys.executable, "-m", "tests.bench.load", *words)
        assert await child.wait() == 0
        outcome = Outcome(**json.loads(file.read_text(encoding="ascii")))
    assert set(outcome.statuses) <= {"200", "202"}, outcome.statuses
    return outcome
