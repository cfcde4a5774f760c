"""The upgrade from jobs to rows: what waited in a job of the release before waits in a row afterwards."""

import sqlite3
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from alembic import command

from service.db.migrate import alembic_config, migrate
from tests.support.postgres import Server

JOBS = {"process": "1", "ask": "2", "judge": "2", "enrich": "3", "revisit": "4", "send": "5"}


@pytest.mark.long
def test_jobs_that_fetch_become_rows_and_those_that_rows_replace_go(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'roundsman.db'}"
    migrate(url)
    command.downgrade(alembic_config(url), "0013")
    with closing(sqlite3.connect(tmp_path / "roundsman.db")) as connection, connection:
        connection.executemany(
            "INSERT INTO jobs (kind, subject_id, run_at) VALUES (?, ?, '2026-11-22 12:00:00.000000')",
            [(kind, digit * 32) for kind, digit in [*JOBS.items(), ("enrich", "4"), ("enrich", "3")]],
        )

    command.upgrade(alembic_config(url), "0014")

    with closing(sqlite3.connect(tmp_path / "roundsman.db")) as connection:
        fetches = connection.execute("SELECT event_id, purpose, due_at FROM fetches ORDER BY 1").fetchall()
        jobs = connection.execute("SELECT kind FROM jobs").fetchall()
    since = "2026-11-22 12:00:00.000000"
    assert fetches == [("3" * 32, "message", since), ("4" * 32, "message", since)]
    assert jobs == [("send",)]


@pytest.mark.long
def test_jobs_that_fetch_become_rows_on_postgres(server: Server) -> None:
    url = server.new_database()
    migrate(url)
    command.downgrade(alembic_config(url), "0013")
    with psycopg.connect(url) as connection:
        for kind, digit in JOBS.items():
            connection.execute(
                "INSERT INTO procrastinate_jobs (queue_name, task_name, args, scheduled_at)"
                " VALUES (%s, 'do', jsonb_build_object('kind', %s::text, 'subject_id', %s::text), '2026-11-22 12:00Z')",
                (kind, kind, str(f"{digit * 8}-{digit * 4}-{digit * 4}-{digit * 4}-{digit * 12}")),
            )

    command.upgrade(alembic_config(url), "0014")

    with psycopg.connect(url) as connection:
        fetches = connection.execute(
            "SELECT left(event_id::text, 1), purpose, extract(hour FROM due_at AT TIME ZONE 'UTC')::int FROM fetches"
            " ORDER BY 1"
        ).fetchall()
        jobs = connection.execute("SELECT args ->> 'kind' FROM procrastinate_jobs").fetchall()
    assert fetches == [("3", "message", 12), ("4", "page", 12)]
    assert jobs == [("send",)]


SENDS = """
INSERT INTO notifications (
    id, event_id, topic, route, receiver, channel_key, channel_label, channel_kind, state, attempts, created_at,
    next_attempt_at, give_up_at, server_lane
) VALUES
"""
EARLY, LATE, LATEST = "2026-11-22 12:00:00.000000", "2026-11-22 12:02:00.000000", "2026-11-22 13:00:00.000000"
WAITING = {  # id, channel, state, attempts, time of the next attempt, lane of the mail server
    "1": ("a", "pending", 0, EARLY, None),  # waits for details: its job knows how long
    "2": ("a", "pending", 0, EARLY, None),  # its details are there
    "3": ("b", "pending", 2, LATEST, None),  # put off
    "4": ("c", "sending", 1, LATE, "mail"),
    "5": ("d", "pending", 0, EARLY, "mail"),
    "6": ("a", "sent", 1, EARLY, None),
    "7": ("e", "dead", 1, EARLY, None),
    "8": ("f", "pending", 1, EARLY, None),  # lost its job
}
SEND_JOBS = [("1", LATE), ("2", EARLY), ("2", LATE), ("3", LATEST), ("4", EARLY), ("5", EARLY), ("6", LATE)]
HEADS = [("2", "a", EARLY), ("3", "b", LATEST), ("4", "mail", LATE), ("8", "f", EARLY)]


def planned() -> list[str]:
    """What waits to be sent, as values of a statement."""
    return [
        f"('{digit * 32}', '{'0' * 32}', 'topic {digit}', 'red', 'web', '{channel}', 'web', 'json', '{state}', "
        f"{attempts}, '{EARLY}', '{at}', '{LATEST}', nullif('{lane}', 'None'))"
        for digit, (channel, state, attempts, at, lane) in WAITING.items()
    ]


@pytest.mark.long
def test_jobs_that_send_become_rows_and_one_for_each_lane(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'roundsman.db'}"
    migrate(url)
    command.downgrade(alembic_config(url), "0017")
    with closing(sqlite3.connect(tmp_path / "roundsman.db")) as connection, connection:
        connection.execute(SENDS + ", ".join(planned()))
        connection.executemany(
            "INSERT INTO jobs (kind, subject_id, run_at) VALUES ('send', ?, ?)",
            [(digit * 32, at) for digit, at in SEND_JOBS],
        )

    migrate(url)

    with closing(sqlite3.connect(tmp_path / "roundsman.db")) as connection:
        times = connection.execute("SELECT substr(id, 1, 1), next_attempt_at FROM notifications ORDER BY 1").fetchall()
        jobs = connection.execute("SELECT substr(subject_id, 1, 1), lane, run_at FROM jobs ORDER BY 1").fetchall()
    assert dict(times) == {digit: at for digit, (_, _, _, at, _) in WAITING.items()} | {"1": LATE}
    assert jobs == HEADS


@pytest.mark.long
def test_jobs_that_send_become_rows_on_postgres(server: Server) -> None:
    url = server.new_database()
    migrate(url)
    command.downgrade(alembic_config(url), "0017")
    with psycopg.connect(url, options="-c timezone=UTC") as connection:
        connection.execute((SENDS + ", ".join(planned())).encode())
        for digit, at in SEND_JOBS:
            connection.execute(
                "INSERT INTO procrastinate_jobs (queue_name, task_name, args, scheduled_at) VALUES "
                "('send', 'do', "
                "jsonb_build_object('kind', 'send', 'subject_id', CAST(%s AS uuid)::text), CAST(%s AS timestamptz))",
                (digit * 32, at),
            )

    migrate(url)

    with psycopg.connect(url, options="-c timezone=UTC") as connection:
        times = connection.execute(
            "SELECT left(id::text, 1), to_char(next_attempt_at, 'YYYY-MM-DD HH24:MI:SS.US') FROM notifications"
        ).fetchall()
        jobs = connection.execute(
            "SELECT left(args ->> 'subject_id', 1), lock, to_char(scheduled_at, 'YYYY-MM-DD HH24:MI:SS.US') "
            "FROM procrastinate_jobs ORDER BY 1"
        ).fetchall()
    assert dict(times) == {digit: at for digit, (_, _, _, at, _) in WAITING.items()} | {"1": LATE}
    assert jobs == HEADS
