"""The migrations on Postgres: from nothing to the tables of the code, and back without a trace."""

import psycopg
import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from service.db.database import make_engine
from service.db.migrate import alembic_config, migrate
from service.db.tables import metadata
from service.errors import BadConfig, Temporary
from tests.support.postgres import Server

WHAT_THERE_IS = """
SELECT 'column', concat_ws(' ', table_name, column_name, data_type, is_nullable, column_default)
FROM information_schema.columns WHERE table_schema = 'public'
UNION ALL SELECT 'index', indexdef FROM pg_indexes WHERE schemaname = 'public'
UNION ALL SELECT 'constraint', pg_get_constraintdef(oid) FROM pg_constraint WHERE connamespace = 'public'::regnamespace
UNION ALL SELECT 'trigger', pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal
UNION ALL SELECT 'function', pg_get_functiondef(oid) FROM pg_proc WHERE pronamespace = 'public'::regnamespace
UNION ALL SELECT 'type', typname FROM pg_type WHERE typnamespace = 'public'::regnamespace
ORDER BY 1, 2
"""


@pytest.fixture
def url(server: Server) -> str:
    """An empty database."""
    return server.new_database()


def schema(url: str) -> list[tuple[str, str]]:
    """Everything that a migration may make, but for Alembic's own table."""
    with psycopg.connect(url) as connection:
        found = connection.execute(WHAT_THERE_IS).fetchall()
    return [(kind, made) for kind, made in found if "alembic" not in made and "version_num" not in made]


def test_migrations_make_the_tables_that_the_code_works_with_on_postgres(url: str) -> None:
    migrate(url)
    engine = make_engine(url)

    with engine.connect() as connection:
        ours = {"include_object": is_ours, "compare_type": True, "compare_server_default": True}
        differences = compare_metadata(MigrationContext.configure(connection, opts=ours), metadata)
    engine.dispose()

    assert differences == []


def is_ours(_thing: object, name: str | None, kind: str, _reflected: bool, _other: object) -> bool:
    return not (kind == "table" and name and name.startswith("procrastinate"))


@pytest.mark.long
def test_migrations_lead_up_and_down_and_up_again_on_postgres(url: str) -> None:
    migrate(url)
    first = schema(url)
    command.downgrade(alembic_config(url), "base")
    between = schema(url)
    migrate(url)

    assert between == []
    assert schema(url) == first


def fill_as_the_release_before(url: str) -> None:
    migrate(url)
    command.downgrade(alembic_config(url), "0011")
    with psycopg.connect(url) as connection:
        for position, verdict in enumerate(["not matched", "already told", "matched"], start=1):
            connection.execute(
                "INSERT INTO decisions VALUES (gen_random_uuid(), 1, %s, 'red', 'web', %s, 'a reason', now())",
                (position, verdict),
            )
        connection.execute(
            "INSERT INTO attempts (notification_id, number, started_at, outcome)"
            " VALUES (gen_random_uuid(), 1, now(), 'put off')"
        )


@pytest.mark.long
def test_stored_values_of_the_release_before_are_respelled_on_postgres(url: str) -> None:
    fill_as_the_release_before(url)

    migrate(url)

    with psycopg.connect(url) as connection:
        verdicts = connection.execute("SELECT verdicts FROM decisions ORDER BY 1").fetchall()
        outcomes = connection.execute("SELECT outcome FROM attempts").fetchall()
    assert (verdicts, outcomes) == ([("",), ("a2",), ("m3",)], [("put_off",)])


@pytest.mark.long
def test_reasons_of_the_release_before_stay_in_their_words_on_postgres(url: str) -> None:
    migrate(url)
    command.downgrade(alembic_config(url), "0012")
    rows = [
        (2, "rest", "preceded", "route 'red' came first"),
        (0, "other", "not_matched", "no 'x'"),
        (1, "red", "matched", "é"),
    ]
    with psycopg.connect(url) as connection:
        for row in rows:
            connection.execute(
                "INSERT INTO decisions VALUES (repeat('a', 32)::uuid, 1, %s, %s, 'web', %s, %s, now())", row
            )

    migrate(url)
    with psycopg.connect(url) as connection:
        turned = connection.execute("SELECT verdicts, is_told, notes FROM decisions").fetchall()
    command.downgrade(alembic_config(url), "0012")
    with psycopg.connect(url) as connection:
        back = connection.execute("SELECT position, route, verdict, reason FROM decisions ORDER BY 1").fetchall()

    texts = [["other", "web", "no 'x'"], ["red", "web", "é"], ["rest", "web", "route 'red' came first"]]
    assert turned == [("m1 p2", False, {"texts": texts})]
    assert back == sorted(rows)


@pytest.mark.long
def test_the_upgrade_waits_until_no_process_of_the_release_before_runs(url: str) -> None:
    fill_as_the_release_before(url)
    with psycopg.connect(url) as connection:
        connection.execute("INSERT INTO heartbeats VALUES (gen_random_uuid(), 'worker', now() - interval '20 s')")

    with pytest.raises(BadConfig, match=r"still running on this database: worker .*stop every process of it"):
        migrate(url)
    with psycopg.connect(url) as connection:
        untouched = connection.execute("SELECT count(*) FROM decisions WHERE verdict = 'not matched'").fetchone()
        connection.execute("UPDATE heartbeats SET beat_at = now() - interval '31 s'")
    migrate(url)

    assert untouched == (1,)


def test_a_migration_that_fails_leaves_nothing_behind_on_postgres(url: str) -> None:
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE notifications (in_the_way INTEGER)")
    before = schema(url)

    with pytest.raises(BadConfig, match='relation "notifications" already exists'):
        migrate(url)

    assert schema(url) == before


def test_a_postgres_of_a_newer_release_is_refused(url: str) -> None:
    migrate(url)
    with psycopg.connect(url) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")

    with pytest.raises(BadConfig, match="the database is of another release"):
        migrate(url)


def test_a_postgres_that_is_away_is_said_to_be_without_its_password() -> None:
    with pytest.raises(Temporary, match="the database cannot be migrated now") as caught:
        migrate("postgresql://ci:an-invented-password@127.0.0.1:1/ci")

    assert "an-invented-password" not in str(caught.value)
