"""Two workers that tell one group: each of its news is told once."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from service.testing.fake_circleci.payloads import workflow_completed
from tests.support.app_fixture import RED
from tests.support.two_instances import twins

NAMES = [f"workflow-{letter}" for letter in "abcdefghij"]
GROUP = "    group: {by: [receiver], wait: 1s}\n"


@pytest.mark.long
async def test_two_workers_tell_each_news_of_a_group_once(url_in_real_time: str, tmp_path: Path) -> None:
    async with twins(url_in_real_time, tmp_path, more=GROUP) as both:
        await both.post(workflow_completed(replace(RED, workflow=name)) for name in NAMES)
        await both.settled()
        messages = [f"{got.json['title']} {got.json['message']}" for got in both.end.got]

        named = Counter(name for message in messages for name in NAMES if f" {name} " in message)
        assert (set(named), set(named.values())) == (set(NAMES), {1})
        assert len(messages) < len(NAMES)
        assert both.rows("SELECT count(*) FROM notifications WHERE sent_at IS NULL") == [(0,)]
