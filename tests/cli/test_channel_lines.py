"""A channel that cannot be told is named with its line, wherever it stands in roundsman.yaml."""

import pytest

from tests.support.cli_runner import Terminal

YAML = """\
receivers:
  web:
    channels:
      - json://web.example.com
      - slak://an-invented/secret/token
  ops: {channels: ["qqqqq://an-invented-secret"]}
people:
  Ada Example:
    circleci: [ada]
    channels: ["malto://an-invented-secret@example.com"]
routes:
  - {match: {status: failed}, receiver: web}
"""
NO_SERVICE = "no service has URLs that begin with"
WRONG = [
    f"channel web (slak): roundsman.yaml:5: {NO_SERVICE} slak://; did you mean slack://?",
    f"channel ops (qqqqq): roundsman.yaml:6: {NO_SERVICE} qqqqq://; appriseit.com/services lists them all",
    f"channel author:Ada Example (malto): roundsman.yaml:10: {NO_SERVICE} malto://; did you mean mailto://?",
]


@pytest.mark.parametrize("command", ["check", "doctor"])
def test_each_wrong_channel_is_told_with_its_line(terminal: Terminal, command: str) -> None:
    terminal.configure(YAML)

    said = terminal.run(command, "--json", *(["--names"] if command == "doctor" else []))

    assert said.err == ""
    told = [f"{one['what']}: {one['sentence']}" for one in said.json["findings"]]
    assert [line.replace(f"{terminal.folder}/", "") for line in told if NO_SERVICE in line] == WRONG
    assert "an-invented" not in said.out
