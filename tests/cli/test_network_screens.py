"""Commands that ask others, and the demo, on a real terminal: what they say fits on it, and nothing in it acts."""

import json
import shutil
import signal
import sys
import unicodedata
from pathlib import Path
from urllib.parse import quote
from uuid import uuid4

import httpx
import pytest
from rich.cells import cell_len

from service.testing.fake_circleci.organization import ADA, PROJECTS
from service.testing.fake_circleci.server import FakeCircleCI
from tests.cli.test_screens import LINKS, MARKED, STYLES, UNSEEN, WIDTHS
from tests.support.app_fixture import TOKEN, environ
from tests.support.cli_runner import served
from tests.support.fake_servers import Answer, http_end
from tests.support.hostile_words import EVERY
from tests.support.long_cases import first_and_long
from tests.support.processes import ENDS_WITHIN_S
from tests.support.terminal_screens import on_screen, opened

HOSTILE = f"\u202e\x1b]0;evil\x07\x1b[2J {'unbroken' * 30} {' '.join(EVERY)}"
ROUTES = """\
receivers:
  web: {{channels: ["json://127.0.0.1:{port}/{long}", "form://127.0.0.1:{port}/two"]}}
routes:
  - receiver: web
hooks:
  - project: gh/acme/web
  - {{project: gh/acme/shop-api, events: workflow-completed}}
  - project: gh/acme/{long}
"""
COMMANDS = [
    *(["hooks", "plan"], ["hooks", "apply"], ["hooks", "plan", "--rotate"], ["hooks", "apply", "--rotate"]),
    *(["hooks", "list"], ["hooks", "list", "--json"], ["hooks", "delete", "gh/acme/web"]),
    *(["receivers", "test", "web"], ["receivers", "test", "web", "--json"], ["check"]),
]


@pytest.mark.long
@pytest.mark.parametrize("columns", first_and_long(WIDTHS))
def test_answers_of_others_fit_on_a_terminal_and_do_not_act_on_it(
    tmp_path: Path, migrated: Path, columns: int, is_long: bool
) -> None:
    commands = COMMANDS if is_long else [COMMANDS[0], ["receivers", "test", "web"]]
    pretend = FakeCircleCI(token=TOKEN, owner=ADA, projects=PROJECTS)
    shutil.copy(migrated, tmp_path / "roundsman.db")
    for project in PROJECTS:
        hook = {"name": HOSTILE, "url": f"https://other.example/{'x' * 200}", "events": ["workflow-completed"]}
        pretend.hooks.registered[str(uuid4())] = {
            "id": str(uuid4()),
            "verify-tls": False,
            "created-at": "",
            "updated-at": "",
            "scope": {"type": "project", "id": str(project.id)},
            **hook,
        }
    with http_end() as end, served(pretend) as address:
        end.behave(Answer(status=400, body=HOSTILE.encode()))
        given = environ(
            tmp_path,
            ROUTES.format(port=end.port, long="a-long-name-" * 12),
            ROUNDSMAN_CIRCLECI_URL=address,
            ROUNDSMAN_PUBLIC_URL="https://roundsman.example.com",
            NO_PROXY="127.0.0.1",
        )
        driver = [sys.executable, "-c", MARKED, json.dumps(commands)]
        shown = on_screen(folder=tmp_path, columns=columns, command=driver, within_s=5 * ENDS_WITHIN_S, **given)

    text = STYLES.sub("", shown.text)
    parts = {lines[0]: lines[1:] for lines in (part.split("\n") for part in text.removeprefix("== ").split("\n== "))}
    assert "Traceback" not in text
    assert set(parts) == {" ".join(words) for words in commands}
    assert {
        name: line
        for name, lines in parts.items()
        for line in lines
        if cell_len(line) > columns and "--json" not in name
    } == {}
    assert {letter for letter in text if unicodedata.category(letter) in UNSEEN} == {"\n"}
    assert "foreign" in text
    assert "refused" in text


@pytest.mark.long
@pytest.mark.parametrize("columns", WIDTHS)
def test_demo_fits_on_a_terminal_and_its_addresses_are_whole_links(tmp_path: Path, columns: int) -> None:
    shown = on_screen("demo", "--once", "--port", "0", folder=tmp_path, columns=columns, within_s=10 * ENDS_WITHIN_S)

    lines = STYLES.sub("", shown.text).splitlines()
    assert shown.code == 0
    assert [line for line in lines if cell_len(line) > columns and "/login/" not in line] == []
    messages = sum("\u256d" in line for line in lines)  # a digest and a message of several are of no single build
    assert 0 < sum("Why did I get this?" in line for line in lines) <= messages
    pages = {link for link in LINKS.findall(shown.text) if "/builds/" in link}
    assert pages
    assert all(len(link.partition("#")[0].rpartition("/")[2]) == 36 for link in pages)


@pytest.mark.long
@pytest.mark.parametrize("columns", first_and_long(WIDTHS))
def test_inbox_fits_on_a_terminal_and_nothing_posted_acts_on_it(tmp_path: Path, columns: int) -> None:
    posts = [{"title": part, "message": f"{part}\r\n{HOSTILE}", "type": part} for part in (HOSTILE, "\ud800 x", "")]
    with opened("inbox", "--port", "0", folder=tmp_path, columns=columns) as inbox:
        address = inbox.read_until("/NAME").rpartition("json://")[2].partition("/NAME")[0]
        with httpx.Client(base_url=f"http://{address}", trust_env=False, timeout=ENDS_WITHIN_S) as client:
            answers = [
                client.post(f"/{team}", content=json.dumps(post))
                for team in ("web", quote(HOSTILE.replace("/", "")))
                for post in posts
            ]
            refused = client.post("/web", content=b"no JSON")
        inbox.process.send_signal(signal.SIGINT)
        shown = inbox.read_to_end()

    lines = STYLES.sub("", shown.text).splitlines()
    assert ([answer.status_code for answer in answers], refused.status_code, shown.code) == ([200] * 6, 400, 0)
    assert lines[0] == f"a channel that leads here: json://{address}/NAME"
    assert [line for line in lines if cell_len(line) > columns] == []
    assert {letter for line in lines for letter in line if unicodedata.category(letter) in UNSEEN} == set()
    assert sum("\u256d" in line for line in lines) == sum("\u2570" in line for line in lines) == len(answers)
    assert "Traceback" not in shown.text
    assert sum("@everyone" in line for line in lines) >= len(answers)
