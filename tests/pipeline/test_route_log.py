"""A route with ``log: true`` shows the end of the failed step's log; others do not ask for it."""

import json
from pathlib import Path

import pytest

from service.testing.fake_circleci.faults import Fault
from tests.app_fixture import RED, RED_TO_WEB, a_house

pytestmark = pytest.mark.databases("sqlite")
ACTION = {"index": 0, "step": 103, "status": "failed", "exit_code": 1}
BUILD = json.dumps({"steps": [{"name": "Run tests", "actions": [ACTION]}]}).encode()
WITH_LOG = RED_TO_WEB + "    log: true\n"


@pytest.mark.parametrize(("routes", "is_shown"), [(RED_TO_WEB, False), (WITH_LOG, True)])
async def test_a_message_shows_the_log_where_its_route_says_so(folder: Path, routes: str, is_shown: bool) -> None:
    async with a_house(folder, routes) as house:
        house.pretend.faults.next("/api/v1.1/*", Fault(status=200, body=BUILD), times=10)
        await house.finish(RED)
        await house.drain()
        await house.drain(minutes=5)

        [(_, message)] = house.channels.took

    assert ("The log of Run tests of " in message.text) is is_shown
    assert any("/v1.1/" in call.path for call in house.pretend.calls) is is_shown
