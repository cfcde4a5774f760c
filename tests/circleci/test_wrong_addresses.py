"""Wrong addresses of a database: each command ends with one sentence, without a traceback and without the password."""

import pytest

from tests.support.app_fixture import RED_TO_WEB
from tests.support.cli_runner import Said, Terminal
from tests.support.databases import Database
from tests.support.long_cases import few_and_long

PASSWORD = "an-invented-password"
PATIENT = (("serve",), ("web",), ("worker",), ("migrate",))  # wait for a Postgres that is away: see test_waiting.py
COMMANDS = (
    ("check",),
    ("events", "list"),
    ("dead-letters",),
    ("replay", "3f2c8a52"),
)
AWAY = (
    f"postgresql://ci:{PASSWORD}@127.0.0.1:1/roundsman",
    f"postgres://ci:{PASSWORD}@127.0.0.1:1/roundsman",
    f"postgresql://ci:{PASSWORD}@127.0.0.1:1,127.0.0.1:2/roundsman",
    f"postgresql://ci:{PASSWORD}@127.0.0.1:1/roundsman?connect_timeout=soon",
    f"postgresql://ci:{PASSWORD}@127.0.0.1:1/roundsman?sslrootcert=/no/such/file&sslmode=verify-full",
    f"postgresql://ci:{PASSWORD}@%2Fno%2Fsuch%2Ffolder/roundsman",
)
WRONG = (
    f"postgresql://ci:{PASSWORD}@127.0.0.1:1/roundsman?unknown=1",
    f"postgresql://ci:{PASSWORD}@127.0.0.1:1/roundsman?sslmode=no-such",
    f"postgresql://ci:{PASSWORD}@127.0.0.1:99999/roundsman",
    f"postgresql://ci:{PASSWORD}@127.0.0.1:1/roundsman?service=no-such",
    f"postgresql://ci:{PASSWORD}@127.0.0.1:1/roundsman?gssencmode=no-such",
    f"postgresql://ci:{PASSWORD}@127.0.0.1:1/roundsman?keepalives=soon",
    f"postgresql://ci:{PASSWORD}@127.0.0.1:1/roundsman?hostaddr=no-such",
    f"postgresql://ci:{PASSWORD}@127.0.0.1:1/roundsman?target_session_attrs=no-such",
    f"postgresql://ci:@{PASSWORD}@127.0.0.1:1/roundsman",
    f"postgresql://ci:{PASSWORD}%zz@127.0.0.1:1/roundsman",
    f"postgresql://ci:{PASSWORD}@[::1/roundsman",
    f"postgresql://ci:{PASSWORD}@127.0.0.1:1/roundsman?options=-c%20no_such=1",
    f"mysql://ci:{PASSWORD}@127.0.0.1/roundsman",
    "sqlite:///roundsman.db?mode=ro",
    "sqlite:////dev/null/roundsman.db",
    "sqlite:////proc/roundsman.db",
    "sqlite:///" + "x" * 300,
    "postgresql",
    "://",
    "\udcff",
)


def is_a_sentence(said: Said) -> bool:
    """Whether a command ended with a sentence or a few, each on its line."""
    words = said.err + said.out
    return said.code in {1, 2} and words.strip() != "" and "Traceback" not in words and "\ufffd" not in words


def told_by_all(terminal: Terminal, commands: tuple[tuple[str, ...], ...]) -> None:
    """Expect a sentence of each command, and the password in none."""
    said = {words: terminal.run(*words) for words in commands}

    assert [words for words in commands if not is_a_sentence(said[words])] == []
    assert PASSWORD not in "".join(one.err + one.out for one in said.values())


@pytest.mark.parametrize("url", few_and_long(WRONG))
def test_every_command_ends_with_a_sentence(terminal: Terminal, url: str) -> None:
    terminal.configure(RED_TO_WEB)
    terminal.set(ROUNDSMAN_DATABASE_URL=url)

    told_by_all(terminal, PATIENT + COMMANDS)


@pytest.mark.parametrize("url", AWAY)
def test_a_database_that_is_away_is_a_sentence(terminal: Terminal, url: str) -> None:
    terminal.configure(RED_TO_WEB)
    terminal.set(ROUNDSMAN_DATABASE_URL=url)

    told_by_all(terminal, COMMANDS)


@pytest.mark.long
@pytest.mark.databases("postgres")
@pytest.mark.parametrize("change", ["/no_such_database", "?options=-c%20no_such=1", "?user=no_such_role"])
def test_a_server_that_does_not_let_us_in_is_a_sentence(terminal: Terminal, database: Database, change: str) -> None:
    terminal.configure(RED_TO_WEB)
    server, _, name = database.url.rpartition("/")
    terminal.set(ROUNDSMAN_DATABASE_URL=f"{server}/{name}{change}" if "?" in change else server + change)

    told_by_all(terminal, PATIENT + COMMANDS)


@pytest.mark.databases("postgres")
def test_the_first_of_several_hosts_that_answers_is_used(terminal: Terminal, database: Database) -> None:
    host = database.url.partition("@")[2].partition("/")[0]
    terminal.set(ROUNDSMAN_DATABASE_URL=database.url.replace(host, f"127.0.0.1:1,{host}").replace("ql://", "://"))

    said = terminal.run("events", "list")

    assert (said.code, said.out, said.err) == (0, "no events\n", "")
