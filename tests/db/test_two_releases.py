"""Two releases on one schema: what a migration may change while the release before still works on it."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from sqlalchemy import Inspector, NullPool, inspect

from service.db.database import make_engine
from service.db.migrate import INCOMPATIBLE_REVISION, alembic_config
from service.db.revisions import newest_revision

Columns = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, kw_only=True)
class Table:
    """What the statements of a release rely on.

    checks   the words of each
    unique   the columns of each unique index and constraint
    """

    columns: Columns
    checks: Mapping[str, str]
    unique: Mapping[str, tuple[str | None, ...]]


def tables(url: str) -> dict[str, Table]:
    """All tables of a database but those of the job engine, of Alembic, and of SQLite's index of terms."""
    engine = make_engine(url, poolclass=NullPool)
    with engine.connect() as connection:
        inspector = inspect(connection)
        names = inspector.get_table_names()
        ours = [name for name in names if not name.startswith(("alembic", "event_terms", "procrastinate"))]
        found = {name: read_table(inspector, name) for name in ours}
    engine.dispose()
    return found


def read_table(inspector: Inspector, name: str) -> Table:
    unique = {str(one["name"]): tuple(one["column_names"]) for one in inspector.get_unique_constraints(name)}
    indexes = {str(one["name"]): tuple(one["column_names"]) for one in inspector.get_indexes(name) if one["unique"]}
    return Table(
        columns={one["name"]: one for one in inspector.get_columns(name)},
        checks={str(one["name"]): one["sqltext"] for one in inspector.get_check_constraints(name)},
        unique={**unique, **indexes},
    )


def allows_less(before: str | None, after: str, columns: Columns) -> bool:
    """Tell whether a check refuses a row that was allowed; one on columns that are new refuses none."""
    if before is None:
        return bool({*columns} & {*re.findall(r"\w+", after)})
    literals = [{*re.findall(r"'([^']*)'", check)} for check in (before, after)]
    return before != after and not (literals[0] and literals[0] <= literals[1])


def breaches(before: Mapping[str, Table], after: Mapping[str, Table]) -> Iterator[str]:
    """What the release before could not read or write any more."""
    for name, old in before.items():
        new = after.get(name)
        if new is None:
            yield f"{name} is gone"
            continue
        yield from (f"{name}.{one}" for one in columns_that_break(old.columns, new.columns))
        narrower = [one for one, words in new.checks.items() if allows_less(old.checks.get(one), words, old.columns)]
        yield from (f"{name}: {one} allows less" for one in narrower)
        sooner = [one for one in new.unique if one not in old.unique and {*new.unique[one]} <= {*old.columns}]
        yield from (f"{name}: {one} makes unique what was not" for one in sooner)
        yield from (
            f"{name}: {one}, which an upsert may name, is gone" for one in old.unique.keys() - new.unique.keys()
        )


def columns_that_break(before: Columns, after: Columns) -> Iterator[str]:
    for name, old in before.items():
        new = after.get(name)
        if new is None:
            yield f"{name} is gone"
        elif str(new["type"]) != str(old["type"]) or (old["nullable"] and not new["nullable"]):
            yield f"{name} takes less"
        elif old["default"] != new["default"]:
            yield f"{name} has another default"
    for name in after.keys() - before.keys():
        if not after[name]["nullable"] and after[name]["default"] is None:
            yield f"{name} is new, and an INSERT that does not name it fails"


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database of either kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'roundsman.db'}"
    return str(request.getfixturevalue("server").new_database())


@pytest.mark.long
@pytest.mark.filterwarnings("ignore:Skipped unsupported reflection of expression-based index")
def test_no_migration_takes_what_the_release_before_needs(url: str) -> None:
    """A process of the release before reads, inserts and updates by its own idea of the tables meanwhile."""
    first = int(INCOMPATIBLE_REVISION)
    command.upgrade(alembic_config(url), f"{first:04}")
    before, found = tables(url), []
    for number in range(first + 1, int(newest_revision()) + 1):
        command.upgrade(alembic_config(url), f"{number:04}")
        after = tables(url)
        found += [f"{number:04}: {breach}" for breach in breaches(before, after)]
        before = after

    assert found == []
