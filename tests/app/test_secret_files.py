"""Files of secrets: a change is noticed without a signal, and read like one."""

import asyncio
import os
from pathlib import Path

from service.app.reload import Reloader
from service.app.secret_files import SecretFiles
from service.app.systemd import ServiceManager
from service.circleci.circleci import CircleCI
from service.config.configuration import load
from tests.support.app_fixture import RED_TO_WEB, Instance, environ
from tests.support.processes import until


def test_a_change_is_noticed_once_whatever_way_it_is_made(tmp_path: Path) -> None:
    one, two, link = tmp_path / "one", tmp_path / "two", tmp_path / "token"
    one.write_text("first-token")
    two.write_text("other-token")
    link.symlink_to(one)
    files = SecretFiles({"ROUNDSMAN_CIRCLECI_TOKEN_FILE": str(link), "ROUNDSMAN_MCP_FILE": "/nowhere"})
    assert not files.have_changed()

    link.unlink()
    assert not files.have_changed()  # it is being written anew
    link.symlink_to(two)
    assert files.have_changed()
    assert not files.have_changed()

    two.write_text("a-third-token-that-is-longer")
    assert files.have_changed()
    assert not files.have_changed()


async def test_a_changed_file_is_in_use_without_a_restart(instance: Instance, tmp_path: Path) -> None:
    path = tmp_path / "admin-token"
    path.write_text("manages-1")
    given = environ(instance.folder, RED_TO_WEB) | {"ROUNDSMAN_CIRCLECI_ADMIN_TOKEN_FILE": str(path)}
    files = SecretFiles(given, every_s=0.01)
    reloader = Reloader(instance.service, instance.settings, lambda: load(given), files=files)
    running = asyncio.create_task(reloader.run(asyncio.Event(), ServiceManager(os.environ)))
    source = instance.service.context.source
    assert isinstance(source, CircleCI)
    assert not source.has_admin

    path.write_text("manages-1-and-more")
    await asyncio.to_thread(until, lambda: source.has_admin)
    running.cancel()
