"""A route with ``log: true`` shows the end of the failed step's log; others do not ask for it."""

from pathlib import Path

import pytest

from tests.support.app_fixture import RED, RED_TO_WEB, an_instance
from tests.support.circleci_fixture import with_log

pytestmark = pytest.mark.databases("sqlite")
WITH_LOG = RED_TO_WEB + "    log: true\n"
LOGGED = with_log(RED, log="collecting\nthe whole log\n", condensed="the lines that matter\n")


@pytest.mark.parametrize(("api", "line"), [("v2", "the whole log"), ("v3", "the lines that matter")])
@pytest.mark.parametrize(("routes", "is_shown"), [(RED_TO_WEB, False), (WITH_LOG, True)])
async def test_a_message_shows_the_log_where_its_route_says_so(
    folder: Path, routes: str, is_shown: bool, api: str, line: str
) -> None:
    async with an_instance(folder, routes, ROUNDSMAN_CIRCLECI_API=api) as instance:
        instance.pretend.jobs.storage_url = "http://storage.example.com/storage"
        await instance.finish(LOGGED)
        await instance.drain()
        await instance.drain(minutes=5)

        [(_, message)] = instance.channels.took

    assert ("The log of Run tests of " in message.text) is is_shown
    assert (line in message.text) is is_shown
    asked = {"v1.1"} if api == "v2" else {"/stdout/condensed"}
    calls = {call.version for call in instance.pretend.calls} | {call.path[-17:] for call in instance.pretend.calls}
    assert (asked <= calls) is is_shown
