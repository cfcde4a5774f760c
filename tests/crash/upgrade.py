"""Upgrade a database that another release fills: ``python -m tests.crash.upgrade --before REVISION``.

Processes of the release before run from a copy of its sources, in the environment of this one. On Postgres they work
on while the schema is migrated and processes of this release come beside them, and for a while they are alone again,
as after a release is taken back. On SQLite they end first. Both are troubled meanwhile, and both seal.
"""

import argparse
import asyncio
import re
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from random import Random

from rich.console import Console

from service.db.migrate import migrate
from tests.crash import configuration
from tests.crash.count import Count, count
from tests.crash.fleet import module_in
from tests.crash.rounds import Plan, a_scene, recover
from tests.crash.scene import Scene
from tests.crash.troubles import TROUBLES
from tests.support import postgres

ROOT = Path(__file__).parents[2]
CHANGES = 60
PHASE_S = 4.0
PHASES = 5
OF_SQLITE = ("kill", "term", "pause", "circleci", "pace", "hold", "gone", "replay", "resend")
OF_POSTGRES = (*OF_SQLITE, "freeze", "crash", "lose", "cut")
MIGRATE = "import sys; from service.db.migrate import migrate; migrate(sys.argv[1])"
SEAL = """\
import asyncio, sys, types
from service.clock import now_utc
from service.db.database import Store
from {seal} import seal

async def run():
    store = Store(sys.argv[1])
    await seal(types.SimpleNamespace(store=store, clock=now_utc))
    await store.close()

asyncio.run(run())
"""
ERROR = re.compile(r'"level": ?"(?:error|critical)"|^\w*Error\b|Traceback|UndefinedColumn|no such (?:column|table)')


@dataclass(kw_only=True)
class Upgrade:
    """A round in which this release takes the place of another.

    tree   the sources of the release before
    """

    scene: Scene
    tree: Path
    dice: Random

    @property
    def url(self) -> str:
        """The database, past the proxy."""
        return self.scene.fleet.database.url

    async def play(self) -> None:
        """Run both releases under load, one after or beside the other."""
        await self._start("before")
        posting = asyncio.create_task(self.scene.load.run())
        await self._trouble()
        await self._replace_by_this() if self.scene.proxy else await self._stop_and_start()
        self.scene.load.stopping = True
        await posting
        await recover(self.scene)
        await asyncio.to_thread(run_in, ROOT, seal_in(ROOT), self.url)

    async def _replace_by_this(self) -> None:
        await asyncio.to_thread(migrate, self.url)
        await self._start("this")
        async with self._sealing(self.tree, ROOT):
            await self._trouble()
            await self._end("before")
            await self._trouble()
            await self._start("before")  # as after `helm rollback`
            await self._end("this")
            await self._trouble()
            await self._start("this")
            await self._trouble()
            await self._end("before")

    async def _stop_and_start(self) -> None:
        await asyncio.to_thread(run_in, self.tree, seal_in(self.tree), self.url)
        await self._end("before")
        await asyncio.to_thread(migrate, self.url)
        await self._start("this")
        await self._trouble()

    async def _start(self, release: str) -> None:
        fleet = self.scene.fleet
        for number, role in enumerate(fleet.database.roles):
            place = f"{release}-{role}-{number}"
            if release == "before":
                fleet.trees[place] = self.tree
            fleet.configs[place] = fleet.folder / f"{place}.yaml"
            configuration.write(fleet.configs[place], configuration.BASE.format(port=self.scene.channel.port))
            member = await fleet.start(role, place=place)
            assert member.address, f"{place} did not start: see its log in {fleet.folder}"

    async def _end(self, release: str) -> None:
        """End the processes of a release, some of them by force."""
        fleet = self.scene.fleet
        async with fleet.turns:
            for member in [one for one in fleet.members if one.place.startswith(release)]:
                self.dice.choice([member.kill, member.terminate])()
                await member.died()
                fleet.members.remove(member)

    async def _trouble(self) -> None:
        """Disturb whatever runs, and bring back what died."""
        names = self.dice.sample(OF_POSTGRES if self.scene.proxy else OF_SQLITE, 3)
        troubles = (self._later(name, self.dice.uniform(0, PHASE_S)) for name in names)
        await asyncio.gather(*troubles, asyncio.sleep(PHASE_S))
        for member in list(self.scene.fleet.members):
            if not member.is_well:
                await self.scene.fleet.replace(member)

    async def _later(self, name: str, seconds: float) -> None:
        await asyncio.sleep(seconds)
        await TROUBLES[name].run(self.scene, self.dice)

    @asynccontextmanager
    async def _sealing(self, *trees: Path) -> AsyncIterator[None]:
        """Have releases seal by turns, while the block runs."""

        async def work() -> None:
            while True:
                for tree in trees:
                    with suppress(subprocess.CalledProcessError):  # Postgres was away
                        await asyncio.to_thread(run_in, tree, seal_in(tree), self.url)
                    await asyncio.sleep(0.5)

        working = asyncio.create_task(work())
        try:
            yield
        finally:
            working.cancel()


def seal_in(tree: Path) -> str:
    """Return the program that seals by the code of a release."""
    return SEAL.format(seal=module_in(tree, "service", "seal"))


def run_in(tree: Path, program: str, url: str) -> None:
    """Run a program of a release on a database."""
    command = [sys.executable, "-c", program, url]
    subprocess.run(command, cwd=tree, check=True, capture_output=True)


async def play(plan: Plan, tree: Path, folder: Path) -> tuple[Count, str]:
    """Play a round; return the count, and what the audit found."""
    dice = Random(plan.seed)
    async with a_scene(plan, folder, dice) as scene:
        scene.load.door = lambda: a_door(scene, dice)
        await Upgrade(scene=scene, tree=tree, dice=dice).play()
        counted = await asyncio.to_thread(count, scene)
        environ = {**scene.fleet.environ, "ROUNDSMAN_DATABASE_URL": scene.fleet.database.url}
        command = [str(Path(sys.executable).parent / "roundsman"), "audit", "verify"]
        audit = await asyncio.to_thread(
            subprocess.run, command, cwd=folder, env=environ, capture_output=True, text=True, check=False
        )
    return replace(counted, troubles=Counter()), "" if audit.returncode == 0 else audit.stdout + audit.stderr


def a_door(scene: Scene, dice: Random) -> str:
    """Where to post: either release, by chance."""
    doors = [member.address for member in scene.fleet.members if member.role != "worker" and member.is_alive]
    return dice.choice([door for door in doors if door] or [""])


def copy_release(revision: str, folder: Path) -> Path:
    """Write the sources of a revision into a folder."""
    tree = folder / "before"
    tree.mkdir()
    packed = subprocess.run(["git", "archive", revision], cwd=ROOT, check=True, capture_output=True).stdout
    subprocess.run(["tar", "-x", "-C", str(tree)], input=packed, check=True)
    return tree


def errors(folder: Path) -> Counter[str]:
    """Count what the logs of a round have of errors, which no trouble makes."""
    lines = (
        f"{log.stem}: {line[:300]}"
        for log in sorted(folder.glob("*.log"))
        for line in log.read_text(encoding="utf-8", errors="replace").splitlines()
    )
    return Counter(line for line in lines if ERROR.search(line))


def report(plan: Plan, tree: Path, console: Console) -> bool:
    """Play a round and tell of it; return whether all was as promised."""
    folder = Path(tempfile.mkdtemp(prefix="roundsman-upgrade-"))
    counted, audit = asyncio.run(play(plan, tree, folder))
    is_good = counted.is_good and not audit
    console.print(f"{plan.kind.__name__} {plan.seed}: {'good' if is_good else 'NOT AS PROMISED'}, {counted} {audit}")
    for line, times in errors(folder).most_common(20):
        console.print(f"    {times} times {line}", markup=False)
    if is_good:
        shutil.rmtree(folder)
    else:
        console.print(f"see {folder}")
    return is_good


def plans(options: argparse.Namespace, server: postgres.Server, tree: Path) -> Iterator[Plan]:
    """Yield the rounds."""
    for number in range(1, options.rounds + 1):
        for name, one in {"SQLite": None, "Postgres": server}.items():
            if options.database in {None, name}:
                yield Plan(
                    seed=f"{options.seed}/{number}",
                    names=(),
                    server=one,
                    changes=CHANGES,
                    lasts_s=(PHASES if one else 2) * PHASE_S,
                    migrate=partial(run_in, tree, MIGRATE),
                )


def main() -> int:
    """Play rounds on both databases; return 1 when anything was lost."""
    parser = argparse.ArgumentParser(prog="python -m tests.crash.upgrade", description=__doc__)
    parser.add_argument("--before", required=True, metavar="REVISION", help="of git: the release before")
    parser.add_argument("--rounds", type=int, default=2, help="on each database")
    parser.add_argument("--seed", default=secrets.token_hex(4))
    parser.add_argument("--database", choices=["SQLite", "Postgres"], help="only this one")
    options, console = parser.parse_args(), Console(width=120, soft_wrap=True)
    with postgres.running() as server, tempfile.TemporaryDirectory(prefix="roundsman-before-") as place:
        tree = copy_release(options.before, Path(place))
        good = [report(plan, tree, console) for plan in plans(options, server, tree)]
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
