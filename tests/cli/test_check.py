"""Commands around the service: check, migrate, version, and the help of them all."""

import os
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from service.db.data_folder import lock_folder
from service.db.revisions import newest_revision
from service.operations.checks.checks import check_public_url
from service.testing.fake_circleci.organization import ADA, PROJECTS
from service.testing.fake_circleci.server import FakeCircleCI
from tests.support.app_fixture import NINE, RED_TO_WEB, SECRET, TOKEN
from tests.support.cli_reference import every_command
from tests.support.cli_runner import Terminal, served
from tests.support.ports import free_port
from tests.support.processes import surroundings

STREAMING = {"serve", "web", "worker", "demo", "inbox", "mcp"}  # they run; other commands tell what they did


@pytest.fixture
def pretend() -> FakeCircleCI:
    return FakeCircleCI(token=TOKEN, owner=ADA, projects=PROJECTS)


@pytest.fixture
def operator(terminal: Terminal, pretend: FakeCircleCI) -> Iterator[Terminal]:
    """Somebody whose configuration is right."""
    with served(pretend) as address:
        terminal.configure(RED_TO_WEB, ROUNDSMAN_CIRCLECI_URL=address, ROUNDSMAN_PORT=str(free_port()))
        yield terminal


# check


def test_a_right_configuration_is_said_to_be_right(operator: Terminal) -> None:
    written = operator.folder / "roundsman.yaml"
    said = operator.run("check")

    assert said.code == 0
    assert said.lines == [
        f"{operator.folder}/roundsman.yaml: 1 route, 1 receiver",
        f"ok       data folder: {operator.folder} can be written",
        f"ok       database: {operator.folder}/roundsman.db will be made at the first start",
        f"ok       port: 127.0.0.1 port {os.environ['ROUNDSMAN_PORT']} is free",
        f"note     public URL: {check_public_url(None).sentence}",
        "ok       CircleCI token: accepted; it is ada's",
        f"note     channel web (json): {written}:3: understood; example.com is an example's: put your own there",
        "0 things wrong, 0 warnings",
    ]


def test_each_project_under_hooks_is_looked_at(operator: Terminal, pretend: FakeCircleCI) -> None:
    hooks = "hooks:\n  - project: gh/acme/web\n  - project: gh/acme/nowhere\n"
    terminal_file = operator.folder / "roundsman.yaml"
    terminal_file.write_text(RED_TO_WEB + hooks, encoding="utf-8")

    said, planned = operator.run("check"), _plan_over_https(operator)

    assert said.code == 1
    assert "ok       hook gh/acme/web: the token may see this project" in said.lines
    [wrong] = [line for line in said.lines if line.startswith("wrong    hook ")]
    sentence = wrong.removeprefix("wrong    hook gh/acme/nowhere: ")
    assert sentence.startswith("CircleCI answered 404")
    assert sentence in planned


def test_hooks_that_no_token_can_see_are_said_to_be_uncompared(operator: Terminal) -> None:
    (operator.folder / "roundsman.yaml").write_text(RED_TO_WEB + "hooks: [{project: gh/acme/web}]\n", encoding="utf-8")
    operator.unset("ROUNDSMAN_CIRCLECI_TOKEN")

    said = operator.run("check")

    assert said.code == 0
    assert "note     hooks: not compared with CircleCI: that needs a token that it accepts" in said.lines


def _plan_over_https(operator: Terminal) -> str:
    operator.set(ROUNDSMAN_PUBLIC_URL="https://roundsman.example.com")
    return operator.run("hooks", "plan").out


def test_projects_are_not_looked_at_with_a_token_that_is_refused(operator: Terminal) -> None:
    (operator.folder / "roundsman.yaml").write_text(RED_TO_WEB + "hooks: [{project: gh/acme/web}]\n", encoding="utf-8")
    operator.set(ROUNDSMAN_CIRCLECI_TOKEN="a-guess")

    said = operator.run("check")

    assert said.code == 1
    assert not [line for line in said.lines if "hook gh/acme/web" in line]


def test_a_check_in_json_names_each_finding(operator: Terminal) -> None:
    shape = operator.run("check", "--json").json

    assert [(finding["what"], finding["grade"]) for finding in shape["findings"]] == [
        ("data folder", "ok"),
        ("database", "ok"),
        ("port", "ok"),
        ("public URL", "note"),
        ("CircleCI token", "ok"),
        ("channel web (json)", "note"),
    ]
    assert shape["warnings"] == []


def test_a_check_makes_and_sends_nothing(operator: Terminal, pretend: FakeCircleCI) -> None:
    before = sorted(operator.folder.iterdir())
    operator.run("check")

    assert sorted(operator.folder.iterdir()) == before
    assert [(call.method, call.path) for call in pretend.calls] == [("GET", "/me")]


def test_a_wrong_token_and_a_bad_channel_are_both_told_and_end_with_1(operator: Terminal) -> None:
    (operator.folder / "roundsman.yaml").write_text(
        RED_TO_WEB.replace("json://web.example.com", "slack://an-invented-slack-token")
    )
    operator.set(ROUNDSMAN_CIRCLECI_TOKEN="a-guess-at-a-token")

    said = operator.run("check")

    assert said.code == 1
    token, channel, verdict = said.lines[-3:]
    assert verdict == "2 things wrong, 0 warnings"
    assert token.startswith("wrong    CircleCI token: CircleCI answered 401: the API token is not accepted;")
    assert channel.startswith("wrong    channel web (slack): ")
    assert "a-guess-at-a-token" not in said.out
    assert "an-invented-slack-token" not in said.out


def test_a_running_service_is_named_and_nothing_is_wrong_with_it(operator: Terminal) -> None:
    port = int(os.environ["ROUNDSMAN_PORT"])
    with lock_folder(operator.folder, command="roundsman serve", since=NINE), socket.create_server(("127.0.0.1", port)):
        said = operator.run("check")

    assert said.code == 0
    assert said.lines[1].startswith(f"note     data folder: {operator.folder} is in use by `roundsman serve`, process ")
    assert not any("port:" in line for line in said.lines)


def test_port_in_use_is_wrong(operator: Terminal) -> None:
    port = int(os.environ["ROUNDSMAN_PORT"])
    with socket.create_server(("127.0.0.1", port)):
        said = operator.run("check")

    assert said.code == 1
    assert f"wrong    port: cannot listen on 127.0.0.1 port {port}: Address already in use; " in said.out


def test_short_secret_is_a_warning(operator: Terminal) -> None:
    operator.set(ROUNDSMAN_WEBHOOK_SECRETS="short")

    said = operator.run("check")

    assert said.code == 0
    assert said.lines[1].startswith("warning  ROUNDSMAN_WEBHOOK_SECRETS: secret 1 is shorter than 8 characters")
    assert said.lines[-1] == "0 things wrong, 1 warning"
    assert (said.code, operator.run("check", "--strict").code) == (0, 1)


@pytest.mark.parametrize("command", ["check", "serve"])
@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("ROUNDSMAN_WEBHOOK_SECRETS", None, "ROUNDSMAN_WEBHOOK_SECRETS holds no secret"),
        ("ROUNDSMAN_CONFIG", "nowhere.yaml", "nowhere.yaml does not exist"),
        ("ROUNDSMAN_HOST", "0.0.0.0", "is reachable from other machines, so the pages need ROUNDSMAN_ADMIN_TOKEN"),  # noqa: S104 - that is what is refused
        (
            "ROUNDSMAN_PUBLIC_URL",
            "https://ci.example.com",
            "is reachable from other machines, so the pages need ROUNDSMAN",
        ),
        ("ROUNDSMAN_PORT", "many", "ROUNDSMAN_PORT must be a whole number"),
        ("ROUNDSMAN_PROT", "1", "ROUNDSMAN_PROT is not a setting; did you mean ROUNDSMAN_PORT?"),
    ],
)
def test_check_and_serve_refuse_the_same_in_the_same_words(
    operator: Terminal, command: str, name: str, value: str | None, sentence: str
) -> None:
    operator.unset("ROUNDSMAN_ADMIN_TOKEN")
    operator.unset(name) if value is None else operator.set(**{name: value})

    said = operator.run(command)

    assert (said.code, said.out) == (2, "")
    assert sentence in said.err
    assert SECRET not in said.err
    assert TOKEN not in said.err


@pytest.mark.parametrize("command", ["check", "serve", "web"])
def test_pages_on_postgres_are_not_shown_without_an_admin_token(operator: Terminal, command: str) -> None:
    operator.unset("ROUNDSMAN_ADMIN_TOKEN")
    operator.set(ROUNDSMAN_DATABASE_URL="postgresql://ci@127.0.0.1:1/roundsman")

    said = operator.run(command)

    assert (said.code, said.out) == (2, "")
    assert "so their pages need one ROUNDSMAN_ADMIN_TOKEN; make one with: openssl rand -hex 32" in said.err


# migrate


def test_migrating_makes_the_database_and_may_be_repeated(terminal: Terminal) -> None:
    first, second = terminal.run("migrate"), terminal.run("migrate", "--json")

    assert (first.code, first.out) == (0, f"the schema is up to date, at revision {newest_revision()}\n")
    assert (second.code, second.json) == (0, {"revision": newest_revision()})
    with closing(sqlite3.connect(terminal.folder / "data" / "roundsman.db")) as connection:
        assert connection.execute("SELECT count(*) FROM deliveries").fetchone() == (0,)


@pytest.mark.parametrize("command", ["migrate", "serve"])
def test_locked_folder_is_refused(operator: Terminal, command: str) -> None:
    with lock_folder(operator.folder, command="roundsman serve", since=NINE):
        said = operator.run(command)

    assert (said.code, said.out) == (1, "")
    assert f"{operator.folder} is in use by `roundsman serve`, process " in said.err
    assert "stop that one, or use another folder" in said.err


def test_empty_lock_file_counts_as_locked(operator: Terminal) -> None:
    with lock_folder(operator.folder, command="roundsman serve", since=NINE):
        (operator.folder / "roundsman.lock").write_text("?")
        said = operator.run("migrate")

    assert "is in use by another process; " in said.err


@pytest.mark.parametrize("command", ["migrate", "serve"])
def test_a_place_that_can_hold_nothing_is_a_sentence(operator: Terminal, command: str) -> None:
    Path("data").write_text("a file where a folder should be")
    operator.set(ROUNDSMAN_DATABASE_URL="sqlite:///data/roundsman.db")

    said = operator.run(command)

    assert (said.code, said.out) == (2, "")
    [problem] = said.problems
    assert problem == (
        f"{operator.folder}/data cannot hold our data: File exists; let this user write there, "
        "or name another place in ROUNDSMAN_DATABASE_URL"
    )


@pytest.mark.parametrize("command", ["migrate", "serve"])
@pytest.mark.parametrize(
    ("is_folder", "code", "sentence"),
    [
        (True, 1, "the database cannot be migrated now: its file cannot be opened; "),
        (False, 2, "the database cannot be migrated now: file is not a database; name another file in "),
    ],
)
def test_file_that_is_no_database_is_reported_in_a_sentence(
    operator: Terminal, command: str, is_folder: bool, code: int, sentence: str
) -> None:
    file = operator.folder / "roundsman.db"
    file.mkdir() if is_folder else file.write_text("a text, and not a database\n" * 100)

    said = operator.run(command)

    assert (said.code, said.out) == (code, "")
    [problem] = said.problems
    assert problem.startswith(sentence)


@pytest.mark.parametrize("command", ["migrate", "serve"])
def test_foreign_database_is_refused(operator: Terminal, command: str) -> None:
    with closing(sqlite3.connect(operator.folder / "roundsman.db")) as connection, connection:
        connection.execute("CREATE TABLE recipes (name TEXT)")

    said = operator.run(command)

    assert (said.code, said.out) == (2, "")
    [problem] = said.problems
    assert problem == (
        "the database is another program's: it has tables (recipes ...) and none of them is ours; "
        "name another file in ROUNDSMAN_DATABASE_URL"
    )
    with closing(sqlite3.connect(operator.folder / "roundsman.db")) as connection:
        assert connection.execute("SELECT name FROM sqlite_master").fetchall() == [("recipes",)]


def test_migrated_files_are_readable_by_their_owner_only(terminal: Terminal) -> None:
    terminal.run("migrate")

    modes = {path.name: path.stat().st_mode & 0o777 for path in terminal.folder.rglob("*")}
    assert modes == {"data": 0o700, "roundsman.db": 0o600, "roundsman.lock": 0o600}


def test_a_database_of_a_newer_release_is_not_touched(terminal: Terminal) -> None:
    terminal.run("migrate")
    with closing(sqlite3.connect(terminal.folder / "data" / "roundsman.db")) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")

    said = terminal.run("migrate")

    assert said.code == 2
    assert said.err.startswith("the database is of another release: ")
    assert "9999" in said.err


# version and help


def test_the_version_is_the_package_s(terminal: Terminal) -> None:
    said = terminal.run("version")

    assert said.code == 0
    assert said.out == f"roundsman {terminal.run('version', '--json').json['version']}\n"
    assert terminal.run("--version").out == said.out


@pytest.mark.parametrize(("name", "command"), every_command(), ids=lambda one: one if isinstance(one, str) else "")
def test_every_command_explains_itself_within_80_columns(terminal: Terminal, name: str, command: Any) -> None:
    said = terminal.run(*name.split(), "--help")

    assert said.code == 0
    assert max(map(len, said.lines)) <= 80
    summary = command.help.partition("\n")[0]
    assert summary.endswith(".")
    assert len(summary) <= 60, "or the list of commands cuts it short"
    for parameter in command.params:
        assert parameter.help.endswith("."), parameter.name


@pytest.mark.parametrize("words", [(), ("serve",), ("events",), ("events", "list")])
def test_help_may_be_asked_for_in_short(terminal: Terminal, words: tuple[str, ...]) -> None:
    assert terminal.run(*words, "-h").out == terminal.run(*words, "--help").out


@pytest.mark.parametrize("name", [name for name, _ in every_command() if name not in STREAMING])
def test_every_command_has_json(name: str) -> None:
    options = {option for parameter in dict(every_command())[name].params for option in parameter.opts}

    assert "--json" in options


@pytest.mark.long
def test_command_imports_only_its_own_libraries() -> None:
    said = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", "from service.cli import main; main()", "events", "list"],
        env=surroundings({"ROUNDSMAN_DATABASE_URL": "sqlite:////nowhere/roundsman.db"}),
        capture_output=True,
        text=True,
        check=False,
    )
    loaded = {line.rpartition("|")[2].strip() for line in said.stderr.splitlines()}

    assert (said.returncode, "sqlalchemy" in loaded) == (2, True)
    assert not loaded & {"apprise", "procrastinate", "uvicorn", "starlette", "jinja2", "httpx"}


@pytest.mark.parametrize("words", [(), ("events",), ("hooks",), ("routes",), ("nonsense",), ("serve", "now")])
def test_wrong_usage_ends_with_2_and_says_how(terminal: Terminal, words: tuple[str, ...]) -> None:
    said = terminal.run(*words)

    assert said.code == 2
    assert "Usage: roundsman" in said.out + said.err
    assert "completion" not in said.out


@pytest.mark.parametrize(
    ("words", "next_step"),
    [
        (("evnts", "list"), "there is no command 'evnts'; did you mean events?\n"),
        (("dead-letter",), "there is no command 'dead-letter'; did you mean dead-letters?\n"),
        (("routes", "chek"), "there is no command 'chek'; did you mean check?\n"),
        (("nonsense",), "there is no command 'nonsense'; `roundsman --help` says more\n"),
        (("serve", "--port", "9000"), "there is no option --port; settings come from the environment, such as"),
        (("events", "list", "--brnch", "main"), "there is no option --brnch; did you mean --branch?\n"),
        (("demo", "--port", "99999"), "--port must be a whole number from 0 to 65535, not '99999': correct it"),
        (("inbox", "--port", "-1"), "--port must be a whole number from 0 to 65535, not '-1': correct it"),
    ],
)
def test_wrong_usage_gets_a_next_step(terminal: Terminal, words: tuple[str, ...], next_step: str) -> None:
    said = terminal.run(*words)

    assert (said.code, said.out) == (2, "")
    assert next_step in said.err


@pytest.mark.parametrize(("name", "command"), every_command(), ids=lambda one: one if isinstance(one, str) else "")
def test_an_option_of_one_value_is_given_once(terminal: Terminal, name: str, command: Any) -> None:
    for parameter in command.params:
        if parameter.opts[0].startswith("--") and not parameter.is_flag and not parameter.multiple:
            said = terminal.run(*name.split(), parameter.opts[0], "1", f"{parameter.opts[0]}=2")

            assert (said.code, f"option {parameter.opts[0]} stands 2 times" in said.err) == (2, True)
