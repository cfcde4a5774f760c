"""The finding on routes that ask for approvals which nothing looks for."""

from pathlib import Path

import pytest

from service.config.configuration import load
from service.operations.checks.hold_check import check_holds
from tests.support.app_fixture import environ

YAML = """\
receivers:
  ops: {channels: [json://ops.example.com]}
routes:
  - {name: held, match: {event: workflow-held}, receiver: ops}
  - {name: all, receiver: ops}
"""


@pytest.mark.parametrize(("minutes", "said"), [("2", []), ("0", ["route 'held'"])])
def test_routes_that_ask_for_approvals_say_whether_they_are_looked_for(
    tmp_path: Path, minutes: str, said: list[str]
) -> None:
    config = load(environ(tmp_path, YAML, ROUNDSMAN_RECONCILE=minutes))

    assert [finding.what for finding in check_holds(config)] == said
