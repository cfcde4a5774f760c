"""The routes commands: what a file says, and whom it would tell of an event."""

import re
from pathlib import Path

import pytest

from tests.support.cli_runner import Terminal

ROOT = Path(__file__).parents[2]
PAYLOADS = sorted((ROOT / "tests" / "payloads" / "circleci").glob("*.json"))
ROUTES = """\
receivers:
  web: {channels: [json://web.example.com]}
  crew: {channels: [json://crew.example.com]}
routes:
  - name: deploys
    match: {event: job-completed, job: deploy-*}
    receiver: crew
    continue: true
  - name: red
    match: {branch: [main, "!old"], status: [failed, error]}
    receiver: web
  - receiver: crew
"""


@pytest.fixture
def writer(terminal: Terminal) -> Terminal:
    """Somebody who writes routes, without any other setting."""
    (terminal.folder / "roundsman.yaml").write_text(ROUTES)
    return terminal


def test_routes_are_listed_in_words(writer: Terminal) -> None:
    said = writer.run("routes", "check")

    assert said.code == 0
    assert said.lines == [
        "1. deploys: event job-completed; job deploy-* -> crew, and goes on",
        "2. red: branch main, !old; status failed, error -> web",
        "3. route 3: every workflow -> crew",
        "channels and variables are not looked at here: `roundsman check` does",
    ]


def test_routes_in_json_hold_every_matcher(writer: Terminal) -> None:
    shape = writer.run("routes", "check", "--json").json

    assert shape["warnings"] == []
    assert shape["routes"][1] == {
        "name": "red",
        "receiver": "web",
        "matchers": [
            {"key": "branch", "patterns": ["main"], "excluded": ["old"]},
            {"key": "status", "patterns": ["failed", "error"], "excluded": []},
        ],
        "continues": False,
        "active": None,
        "is_urgent": False,
        "mention": [],
        "has_log": False,
        "repeat_s": None,
        "escalation": None,
        "group": None,
        "act_links_s": None,
    }


def test_a_doubt_is_shown_and_stops_nobody(writer: Terminal) -> None:
    Path("roundsman.yaml").write_text(ROUTES.replace("status: [failed, error]", "status: [faild]"))

    said = writer.run("routes", "check")

    assert said.code == 0
    assert said.lines[-2].startswith("warning  roundsman.yaml:10: ")
    assert said.lines[-2].endswith("did you mean failed?")


@pytest.mark.parametrize("command", [("routes", "check"), ("routes", "test"), ("hooks", "plan"), ("check",)])
@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (None, "roundsman.yaml does not exist; copy roundsman.example.yaml to it"),
        ("routes: [", "roundsman.yaml:1:"),
        ("recievers: {}", "did you mean receivers?"),
    ],
)
def test_a_file_that_is_wrong_ends_with_2_and_the_next_step(
    terminal: Terminal, command: tuple[str, ...], text: str | None, sentence: str
) -> None:
    if text is not None:
        Path("roundsman.yaml").write_text(text)

    said = terminal.run(*command)

    assert (said.code, said.out) == (2, "")
    assert sentence in said.err


def test_routes_are_tried_without_the_channels_secrets(terminal: Terminal) -> None:
    Path("roundsman.yaml").write_text(ROUTES.replace("json://web.example.com", "'${SLACK}'"))

    tried = terminal.run("routes", "test", "--set", "branch=main", "--set", "status=failed")

    assert (terminal.run("routes", "check").code, tried.code) == (0, 0)
    assert "needs the variable SLACK, which is not set" in terminal.run("check").err


INCIDENTS = f"""\
receivers:
  web: {{channels: [json://web.example.com, "spike://{"0a" * 16}"]}}
  ops: {{channels: ["${{SPIKE}}"]}}
routes:
  - {{receiver: web, continue: true}}
  - {{receiver: ops}}
"""
HEARS = "hears every completed workflow"


@pytest.mark.parametrize(
    ("status", "web", "ops"),
    [
        ("failed", "", ""),
        *(
            (
                status,
                "; web (spike) opens incidents and gets no good news",
                "; ops (spike) opens incidents and gets no good news; so no channel is told",
            )
            for status in ("success", "canceled")
        ),
    ],
)
def test_channels_that_are_left_out_are_named(terminal: Terminal, status: str, web: str, ops: str) -> None:
    Path("roundsman.yaml").write_text(INCIDENTS)
    terminal.set(SPIKE=f"spike://{'0b' * 16}")

    said = terminal.run("routes", "test", "--set", f"status={status}", "--json")

    assert said.code == 0
    assert [decision["reason"] for decision in said.json["decisions"]] == [HEARS + web, HEARS + ops]


def test_channel_of_an_unknown_service_is_doubted_for_good_news_alone(terminal: Terminal) -> None:
    Path("roundsman.yaml").write_text(INCIDENTS)

    good = terminal.run("routes", "test", "--set", "status=success")
    bad = terminal.run("routes", "test", "--set", "status=failed")

    assert "so no channel is told" not in good.out
    assert good.lines[-1].startswith(
        "warning  the URL of ops (secret) is not set here; if it opens incidents, it is left"
    )
    assert "warning" not in bad.out


@pytest.mark.parametrize("path", PAYLOADS, ids=lambda path: path.stem)
def test_every_webhook_can_be_tried(writer: Terminal, path: Path) -> None:
    said = writer.run("routes", "test", str(path), "--json")

    matched = [decision["route"] for decision in said.json["decisions"] if decision["verdict"] == "matched"]
    assert said.code == (0 if matched else 1)
    assert bool(matched) == path.stem.startswith("workflow")


def test_the_sample_of_the_docs_is_a_build_that_the_example_file_tells_of(terminal: Terminal) -> None:
    terminal.set(ROUNDSMAN_CONFIG=str(ROOT / "roundsman.example.yaml"))

    said = terminal.run("routes", "test", str(ROOT / "docs" / "samples" / "workflow-failed.json"))

    assert said.code == 0
    assert any(
        line.startswith("matched      main broke, or was fixed -> web-team: project gh/acme/web") for line in said.lines
    )


def test_readme_example_matches_its_own_route(terminal: Terminal) -> None:
    readme = (ROOT / "README.md").read_text()
    [shown] = re.findall(r"^```yaml\n(.*?)^```$", readme, re.MULTILINE | re.DOTALL)
    [tried] = re.findall(r"`roundsman (routes test --set [^`]*)`", readme)
    Path("roundsman.yaml").write_text(shown)

    said = terminal.run(*tried.split())

    assert said.code == 0
    assert said.lines[0].startswith("matched      main broke, or was fixed -> web-team: project gh/acme/web ")


def test_the_readme_gives_all_that_the_example_file_asks_for() -> None:
    given = set(re.findall(r"^   (\w+)=", (ROOT / "README.md").read_text(), re.MULTILINE))
    shipped = (ROOT / "roundsman.example.yaml").read_text()
    asked = {name for line in shipped.splitlines() if line[:1] != "#" for name in re.findall(r"\$\{(\w+)\}", line)}

    assert asked
    assert asked <= given


def test_a_trial_gives_every_route_s_reason(writer: Terminal) -> None:
    said = writer.run("routes", "test", "--set", "branch=main", "--set", "status=failed")

    assert said.code == 0
    assert said.lines == [
        "not matched  deploys -> crew: hears job-completed only",
        "matched      red -> web: branch main matches main; status failed matches failed",
        "preceded     route 3 -> crew: route 'red' came first",
    ]


def test_set_option_replaces_a_fact_of_the_file(writer: Terminal) -> None:
    path = next(path for path in PAYLOADS if path.stem == "workflow-github")

    said = writer.run("routes", "test", str(path), "--set", "branch=topic", "--json")

    red = said.json["decisions"][1]
    assert set(red) == {"position", "route", "receiver", "verdict", "reason"}
    assert (red["verdict"], red["reason"]) == ("not_matched", "branch topic is not main")


def test_a_fact_that_looks_misspelt_is_doubted(writer: Terminal) -> None:
    said = writer.run("routes", "test", "--set", "status=faild", "--set", "branch=main")

    assert said.lines[-1] == "warning  faild is not a known status; did you mean failed?"


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_routes_test_without_an_event_names_the_options(writer: Terminal, options: tuple[str, ...]) -> None:
    said = writer.run("routes", "test", *options)

    assert (said.code, said.out) == (2, "")
    assert said.err.startswith("there is no event to try: give a file with a webhook's body, - for standard input, or")
    assert said.err.endswith(" facts such as --set project=gh/acme/web --set branch=main --set status=failed\n")


def test_no_match_ends_with_1(writer: Terminal) -> None:
    said = writer.run("routes", "test", "--set", "job=build")

    assert said.code == 1
    assert not any(line.startswith("matched") for line in said.lines)


def test_file_without_routes_is_reported(terminal: Terminal) -> None:
    Path("roundsman.yaml").write_text(ROUTES.partition("routes:")[0] + "routes: []\n")

    said = terminal.run("routes", "test", "--set", "branch=main")

    assert (said.code, said.out) == (1, "roundsman.yaml has no routes: no receiver would be told\n")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (
            ("nowhere.json",),
            "nowhere.json cannot be read: No such file or directory; name a file that this user may read",
        ),
        (("roundsman.yaml",), "roundsman.yaml: "),
        (("--set", "branch"), "--set branch: write key=value"),
        (("--set", "colour=red"), "there is no match key 'colour'"),
        (("--set", "event=deploy"), "'deploy' is not a kind of event"),
    ],
)
def test_invalid_event_is_wrong_usage(writer: Terminal, words: tuple[str, ...], sentence: str) -> None:
    said = writer.run("routes", "test", *words)

    assert (said.code, said.out) == (2, "")
    assert sentence in said.err
