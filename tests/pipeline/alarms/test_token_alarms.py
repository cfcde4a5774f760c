"""Tokens of CircleCI that are refused or end: the operators are told once, by the name of the variable."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from service.circleci.circleci import CircleCI
from tests.pipeline.alarms.test_watch_alarms import ROUTES, look
from tests.support.app_fixture import NINE, TOKEN, Instance, an_instance

pytestmark = pytest.mark.databases("sqlite", "postgres")


@pytest.fixture
async def watched(folder: Path) -> AsyncIterator[Instance]:
    async with an_instance(folder, ROUTES) as instance:
        yield instance


def source_of(instance: Instance) -> CircleCI:
    source = instance.service.context.source
    assert isinstance(source, CircleCI)
    return source


async def test_the_token_that_manages_is_told_by_its_name(watched: Instance) -> None:
    source = source_of(watched)
    source.replace_credentials(secrets=watched.settings.webhook_secrets, token=TOKEN, admin="ended")

    assert await look(watched) == ["Roundsman: CircleCI does not accept the API token"]
    assert "ROUNDSMAN_CIRCLECI_ADMIN_TOKEN" in watched.channels.took[-1][1].text
    assert await look(watched, minutes=1) == []
    assert await look(watched, minutes=9) == []

    source.replace_credentials(secrets=watched.settings.webhook_secrets, token=TOKEN)
    assert await look(watched, minutes=10) == ["Roundsman: CircleCI does not accept the API token: this has ended"]


async def test_the_end_of_a_token_is_told_30_and_7_days_before(watched: Instance) -> None:
    source = source_of(watched)
    source.set_expiry(token=(NINE + timedelta(days=31)).date(), admin=None)
    title = "Roundsman: a token of CircleCI ends"
    assert await look(watched) == []

    assert await look(watched, days=1) == [title]
    assert "ROUNDSMAN_CIRCLECI_TOKEN ends on" in watched.channels.took[-1][1].text
    assert await look(watched, days=22) == []
    assert await look(watched, days=1) == [title]
    assert await look(watched, days=7) == []

    source.set_expiry(token=(NINE + timedelta(days=400)).date(), admin=None)
    assert await look(watched, minutes=1) == [f"{title}: this has ended"] * 2
