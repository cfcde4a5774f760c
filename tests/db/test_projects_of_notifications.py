"""The upgrade to notifications with their projects: those on record get the names of their events."""

from collections.abc import Sequence
from typing import Any

import pytest
from alembic import command
from sqlalchemy import text

from service.db.database import make_engine
from service.db.migrate import alembic_config, migrate
from tests.support.filled_database import Filled, a_past_of

pytestmark = pytest.mark.databases("sqlite", "postgres")
filled = a_past_of(300)


def named(url: str) -> Sequence[Any]:
    engine = make_engine(url)
    with engine.connect() as connection:
        asked = text("SELECT id, project_slug, project_name FROM notifications ORDER BY id")
        found = connection.execute(asked).all()
    engine.dispose()
    return found


def test_upgraded_notifications_have_the_names_of_their_events(filled: Filled, kind_of_database: str) -> None:
    url = filled(kind_of_database)
    before = named(url)
    command.downgrade(alembic_config(url), "0050")
    migrate(url)

    assert named(url) == before
    assert {name.startswith("acme/service-") and slug.endswith(name) for _, slug, name in before} == {True}
