"""The demo's roundsman.yaml has no faults, and its one unknown event is understood by nothing."""

from datetime import UTC, date, datetime
from pathlib import Path
from uuid import uuid4

import pytest

from service.circleci.circleci import CircleCI
from service.config.config_file import read_file
from service.demo.day import DIGEST_AT, acts_of_the_day, roundsman_yaml
from service.errors import Permanent
from service.metrics import Metrics
from service.model import Delivery, Via

ACTS = {f"{act.at:%H:%M}": act for act in acts_of_the_day(date(2026, 3, 2))}


def test_the_demos_file_has_no_faults_and_its_digest_comes_at_the_days_end(tmp_path: Path) -> None:
    path = tmp_path / "roundsman.yaml"
    path.write_text(roundsman_yaml("127.0.0.1:4000"))

    contents = read_file(path, {})

    assert contents.warnings == ()
    assert [one.cron for one in contents.digests] == ["55 23 * * *"]
    assert DIGEST_AT == "23:55"


async def test_unknown_event_is_a_dead_letter() -> None:
    source = CircleCI(secrets=["fake"], url="http://ci", token="token", metrics=Metrics())
    (post,) = ACTS["14:10"].posts
    delivery = Delivery(
        id=uuid4(),
        source="circleci",
        source_event_id=source.identify(post.body),
        via=Via.WEBHOOK,
        received_at=datetime(2026, 3, 3, tzinfo=UTC),
        headers=(),
        body=post.body,
        signed=None,
    )

    with pytest.raises(Permanent, match="pipeline-paused"):
        source.parse(delivery)
    await source.close()
