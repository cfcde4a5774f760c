"""``act_links:`` of routes, and what they need."""

from pathlib import Path

import pytest

from service.config.configuration import load
from service.errors import BadConfig
from tests.support.app_fixture import environ

ROUTES = """\
receivers: {web: {channels: [json://web.example.com]}}
routes: [{name: red, receiver: web, act_links: 12h}]
"""


def test_links_are_valid_for_the_time_that_is_written_and_off_without_it(tmp_path: Path) -> None:
    found = load(environ(tmp_path, ROUTES, ROUNDSMAN_PUBLIC_URL="http://127.0.0.1:8000"))
    off = load(environ(tmp_path, ROUTES.replace(", act_links: 12h", "")))

    assert (found.routes[0].act_links_s, off.routes[0].act_links_s) == (43_200, None)
    assert not [one for one in (*found.warnings, *off.warnings) if "act_links" in one]


@pytest.mark.parametrize(
    ("left_out", "step"), [("PUBLIC_URL", "set ROUNDSMAN_PUBLIC_URL"), ("CIRCLECI_TOKEN", "TOKEN")]
)
def test_what_links_need_and_lack_is_a_warning(tmp_path: Path, left_out: str, step: str) -> None:
    env = environ(tmp_path, ROUTES, ROUNDSMAN_PUBLIC_URL="http://127.0.0.1:8000")

    found = load({name: value for name, value in env.items() if name != f"ROUNDSMAN_{left_out}"})

    [said] = [one for one in found.warnings if "act_links" in one]
    assert said.startswith("act_links of route red does nothing: ")
    assert step in said


def test_workers_of_a_shared_database_need_the_token_that_signs(tmp_path: Path) -> None:
    env = environ(tmp_path, ROUTES, ROUNDSMAN_PUBLIC_URL="http://127.0.0.1:8000")
    env |= {"ROUNDSMAN_DATABASE_URL": "postgresql://ada:secret@db.example.com/roundsman"}
    del env["ROUNDSMAN_ADMIN_TOKEN"]

    found = load(env, serving=False)

    assert "links are signed with ROUNDSMAN_ADMIN_TOKEN" in "".join(found.warnings)


@pytest.mark.parametrize("written", ["4m", "8d", "yes", "''", "0"])
def test_wrong_time_is_refused_with_its_place(tmp_path: Path, written: str) -> None:
    with pytest.raises(BadConfig, match="act_links"):
        load(environ(tmp_path, ROUTES.replace("12h", written)))
