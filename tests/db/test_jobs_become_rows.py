"""The upgrade from jobs to rows: what waited in a job of the release before waits in a row afterwards."""

import sqlite3
from contextlib import closing
from pathlib import Path

import psycopg
from alembic import command

from service.db.migrate import alembic_config, migrate
from tests.postgres import Server

JOBS = {"process": "1", "ask": "2", "judge": "2", "enrich": "3", "revisit": "4", "send": "5"}


def test_jobs_that_fetch_become_rows_and_those_that_rows_replace_go(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'roundsman.db'}"
    migrate(url)
    command.downgrade(alembic_config(url), "0013")
    with closing(sqlite3.connect(tmp_path / "roundsman.db")) as connection, connection:
        connection.executemany(
            "INSERT INTO jobs (kind, subject_id, run_at) VALUES (?, ?, '2026-11-22 12:00:00.000000')",
            [(kind, digit * 32) for kind, digit in [*JOBS.items(), ("enrich", "4"), ("enrich", "3")]],
        )

    migrate(url)

    with closing(sqlite3.connect(tmp_path / "roundsman.db")) as connection:
        fetches = connection.execute("SELECT event_id, purpose, due_at FROM fetches ORDER BY 1").fetchall()
        jobs = connection.execute("SELECT kind FROM jobs").fetchall()
    since = "2026-11-22 12:00:00.000000"
    assert fetches == [("3" * 32, "message", since), ("4" * 32, "message", since)]
    assert jobs == [("send",)]


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

    migrate(url)

    with psycopg.connect(url) as connection:
        fetches = connection.execute(
            "SELECT left(event_id::text, 1), purpose, extract(hour FROM due_at AT TIME ZONE 'UTC')::int FROM fetches"
            " ORDER BY 1"
        ).fetchall()
        jobs = connection.execute("SELECT args ->> 'kind' FROM procrastinate_jobs").fetchall()
    assert fetches == [("3", "message", 12), ("4", "page", 12)]
    assert jobs == [("send",)]
