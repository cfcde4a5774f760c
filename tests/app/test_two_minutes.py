"""A real service beside a CircleCI that takes every question and never answers: people are told within two minutes."""

import time
from dataclasses import replace
from pathlib import Path

import pytest

from service.testing.fake_circleci.payloads import as_bytes, workflow_completed
from tests.support.app_fixture import RED, RED_TO_WEB, environ
from tests.support.fake_servers import Silence, http_end
from tests.support.processes import serve

MANY = 40
JUDGED_WITHIN_S = 120
MARGIN_S = 30  # for a machine that has other work: what is judged has yet to be sent


@pytest.mark.long
def test_posts_are_notified_within_two_minutes_behind_a_long_queue(tmp_path: Path) -> None:
    """The first route tests who pushed, so that every judgement has to ask."""
    with http_end() as channel, http_end() as circleci:
        circleci.behave(Silence())
        routes = RED_TO_WEB.replace("json://web.example.com", f"json://127.0.0.1:{channel.port}/web")
        asking = routes.replace("routes:\n", "routes:\n  - {name: bots, match: {actor: renovate*}, receiver: web}\n")
        given = environ(tmp_path, asking, ROUNDSMAN_CIRCLECI_URL=f"http://127.0.0.1:{circleci.port}")
        with serve(tmp_path, given) as served:
            began = time.monotonic()
            for number in range(MANY):
                served.post(as_bytes(workflow_completed(replace(RED, number=30_000 + number))))
            posted = time.monotonic()
            while len(channel.got) < MANY and time.monotonic() < posted + JUDGED_WITHIN_S + MARGIN_S:
                time.sleep(0.5)
            told = time.monotonic() - began
            early = len(circleci.got)

    assert len(channel.got) == MANY
    assert told < posted - began + JUDGED_WITHIN_S + MARGIN_S
    assert early >= 1
