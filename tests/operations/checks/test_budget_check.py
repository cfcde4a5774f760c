"""The finding on budgets that `check` and `doctor` say."""

from pathlib import Path

import pytest

from service.config.configuration import load
from service.operations.checks.budget_check import check_budgets
from tests.support.app_fixture import environ

YAML = """\
receivers:
  ops: {channels: [json://ops.example.com]}
routes:
  - {receiver: ops}
"""
OPERATORS = "operators: {receiver: ops}\n"
BUDGETS = "budgets: [{project: gh/acme/web, credits: 7}]\n"
ADMIN = {"ROUNDSMAN_CIRCLECI_ADMIN_TOKEN": "another-token"}


@pytest.mark.parametrize(
    ("yaml", "env", "has_exports", "said"),
    [
        (OPERATORS, {}, True, []),
        (BUDGETS, {}, True, ["note: no one is told of one that is spent; name a receiver under `operators:`"]),
        (OPERATORS + BUDGETS, {}, False, ["warning: usage is not fetched: a CircleCI Server writes no exports of it"]),
        (OPERATORS + BUDGETS, {}, True, ["ok: usage is fetched once a day, with the token of an organization admin"]),
        (
            OPERATORS + BUDGETS,
            ADMIN,
            True,
            ["ok: usage is fetched once a day, with the token"],
        ),
    ],
)
def test_budgets_say_whether_they_are_watched(
    tmp_path: Path, yaml: str, env: dict[str, str], has_exports: bool, said: list[str]
) -> None:
    config = load(environ(tmp_path, YAML + yaml, **env))

    found = [f"{one.grade}: {one.sentence}" for one in check_budgets(config, has_exports=has_exports)]

    assert [one[: len(words)] for one, words in zip(found, said, strict=True)] == said


def test_budgets_without_a_token_are_not_watched(tmp_path: Path) -> None:
    given = environ(tmp_path, YAML + OPERATORS + BUDGETS)
    del given["ROUNDSMAN_CIRCLECI_TOKEN"]

    [found] = check_budgets(load(given), has_exports=True)

    assert "set ROUNDSMAN_CIRCLECI_TOKEN" in found.sentence
