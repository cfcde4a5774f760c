"""A copy of the database beside a running service, and the names of files that this user may not use."""

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from tests.app.test_reload import news
from tests.support.app_fixture import RED_TO_WEB, environ
from tests.support.cli_runner import Terminal
from tests.support.processes import serve


@pytest.mark.long
def test_a_copy_beside_a_running_service_is_whole_private_and_one_file(folder: Path, terminal: Terminal) -> None:
    target = folder / "copies" / "backup.db"
    target.parent.mkdir()
    given = environ(folder, RED_TO_WEB)
    del given["ROUNDSMAN_CIRCLECI_TOKEN"]
    with serve(folder, given) as served:
        assert served.post(news(1)).status_code == 202

        terminal.set(**given)
        made = terminal.run("backup", str(target))

        assert served.end() == 0
    assert (made.code, made.err) == (0, "")
    assert made.out.endswith(" MB, integrity ok\n")
    assert [path.name for path in target.parent.iterdir()] == ["backup.db"]
    assert target.stat().st_mode & 0o777 == 0o600
    with closing(sqlite3.connect(target)) as connection:
        assert connection.execute("SELECT count(*) FROM deliveries").fetchone() == (1,)


def test_existing_file_is_replaced_only_with_force(folder: Path, terminal: Terminal) -> None:
    terminal.configure(RED_TO_WEB)
    (folder / "backup.db").write_text("precious")

    refused = terminal.run("backup", "backup.db")
    kept = (folder / "backup.db").read_text()
    made = terminal.run("backup", "backup.db", "--force", "--json")

    assert (refused.code, refused.err, kept) == (2, "backup.db exists; name another file, or say --force\n", "precious")
    assert (made.code, made.json) == (0, {"file": "backup.db", "bytes": (folder / "backup.db").stat().st_size})


def test_a_damaged_database_is_not_copied_as_if_it_were_whole(folder: Path, terminal: Terminal) -> None:
    terminal.configure(RED_TO_WEB)
    with (folder / "roundsman.db").open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * 8192)

    said = terminal.run("backup", "backup.db")

    assert said.code == 1
    assert [path.name for path in folder.iterdir() if "backup" in path.name] == []


def test_postgres_is_backed_up_by_its_own_tool(terminal: Terminal) -> None:
    terminal.configure(RED_TO_WEB, ROUNDSMAN_DATABASE_URL="postgresql://ci:an-invented-password@db.example.com/ci")

    said = terminal.run("backup", "my backup")

    assert said.code == 2
    assert said.err.endswith("pg_dump -Fc --file='my backup' --dbname=postgresql://ci@db.example.com/ci\n")


@pytest.mark.long
@pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")
@pytest.mark.parametrize("name", ["roundsman.db", "roundsman.db-wal", "roundsman.lock"])
def test_a_file_that_this_user_may_not_use_is_named(folder: Path, name: str) -> None:
    """As after a restore by root."""
    for each in folder.iterdir():
        os.chown(each, 65534, 65534)
    (folder / name).touch(0o600)
    os.chown(folder / name, 0, 0)
    program = f"""
import os
from pathlib import Path
from datetime import UTC, datetime
from service.db.data_folder import lock_folder
from service.db.migrate import migrate
os.seteuid(65534); os.setreuid(65534, 65534)
try:
    with lock_folder(Path({str(folder)!r}), command="a test", since=datetime.now(UTC)):
        migrate("sqlite:///{folder}/roundsman.db")
except Exception as error:
    print(type(error).__name__, error)
"""
    for parent in [folder, *folder.parents][:4]:
        parent.chmod(0o755) if parent != folder else os.chown(folder, 65534, 65534)

    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False).stdout

    assert said.startswith(f"BadConfig {folder / name} cannot be read and written by nobody: it belongs to root, mode ")
    assert f"chown --reference={folder} {folder / name}" in said
