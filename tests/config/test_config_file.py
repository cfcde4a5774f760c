"""roundsman.yaml: valid files, and problems with file, line and next step."""

import re
from pathlib import Path

import pytest

from service.config.configuration import load
from service.errors import BadConfig
from service.model import HookSpec, Matcher, Route
from tests.support.roundsman_yaml import ROUTE, TEAM, File

EXAMPLE = Path(__file__).parents[2] / "roundsman.example.yaml"


@pytest.fixture
def file(tmp_path: Path) -> File:
    return File(tmp_path)


# The whole of it


def test_the_example_needs_one_channel_and_nothing_else() -> None:
    config = load(
        {
            "ROUNDSMAN_CONFIG": str(EXAMPLE),
            "ROUNDSMAN_WEBHOOK_SECRETS": "not-a-real-secret",
            "SLACK_WEB_TEAM": "slack://a/b/c",
        }
    )

    assert config.warnings == ()
    assert list(config.receivers) == ["web-team"]
    assert config.routes[0].name == "main broke, or was fixed"


def test_every_line_of_the_example_is_valid_and_without_warning(tmp_path: Path) -> None:
    whole = tmp_path / "roundsman.yaml"
    whole.write_text(re.sub("^#  ", "  ", EXAMPLE.read_text(), flags=re.MULTILINE))

    config = load(
        {
            "ROUNDSMAN_CONFIG": str(whole),
            "ROUNDSMAN_WEBHOOK_SECRETS": "not-a-real-secret",
            "SLACK_WEB_TEAM": "slack://a/b/c",
            "SMTP_PASSWORD": "p@ss/word",
            "ON_CALL_URL": "pagerduty://a@b",
        }
    )

    assert config.warnings == ()
    assert [channel.label for channel in config.receivers["web-team"].channels] == [
        "web-team (slack)",
        "web-team (mailto)",
    ]
    assert config.routes[0] == Route(name="everything goes to the archive", receiver="archive", continues=True)
    assert config.hooks[1] == HookSpec(project="gh/acme/api", name="Roundsman", events=("workflow-completed",))


def test_file_becomes_the_values_of_the_model(file: File) -> None:
    config = file.load(
        TEAM
        + """\
routes:
  - name: not main
    match: {branch: ["*", "!main"], status: failed}
    receiver: team
    continue: true
  - receiver: team
hooks:
  - project: gh/acme/web
  - {project: gh/acme/api, name: Ours, events: job-completed}
"""
    )

    assert config.routes == (
        Route(
            name="not main",
            receiver="team",
            matchers=(
                Matcher(key="branch", patterns=("*",), excluded=("main",)),
                Matcher(key="status", patterns=("failed",)),
            ),
            continues=True,
        ),
        Route(name="route 2", receiver="team"),
    )
    assert config.hooks == (
        HookSpec(project="gh/acme/web", name="Roundsman", events=("workflow-completed", "job-completed")),
        HookSpec(project="gh/acme/api", name="Ours", events=("job-completed",)),
    )


def test_file_without_receivers_and_routes_is_valid(file: File) -> None:
    config = file.load("receivers: {}\nroutes: []\n")

    assert (config.receivers, config.routes, config.hooks) == ({}, (), ())


def test_scalars_stay_as_they_are_written(file: File) -> None:
    config = file.load(ROUTE + "    match: {branch: [1.10, on, 0123, null, ~, 2026-11-22]}\n")

    assert config.routes[0].matchers[0].patterns == ("1.10", "on", "0123", "null", "~", "2026-11-22")


def test_an_anchor_saves_writing_a_list_twice(file: File) -> None:
    config = file.load(
        TEAM
        + """\
routes:
  - {receiver: team, match: {branch: &ours [main, release/*]}}
  - {receiver: team, match: {branch: *ours, status: failed}}
"""
    )

    assert config.routes[0].matchers[0] == config.routes[1].matchers[0]


# Files that cannot be read


def test_missing_file_is_refused_with_the_next_step(tmp_path: Path) -> None:
    with pytest.raises(BadConfig, match=r"absent.yaml does not exist; copy roundsman\.example\.yaml to it"):
        load({"ROUNDSMAN_CONFIG": str(tmp_path / "absent.yaml")}, serving=False)


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(BadConfig, match=r"cannot be read: Is a directory; name a file that this user may read"):
        load({"ROUNDSMAN_CONFIG": str(tmp_path)}, serving=False)


@pytest.mark.parametrize("text", ["", "# nothing yet\n"])
def test_empty_file_is_refused_with_the_next_step(file: File, text: str) -> None:
    assert file.complaint(text) == "roundsman.yaml is empty; start from roundsman.example.yaml"


@pytest.mark.parametrize(
    ("text", "claim"),
    [
        (b"a: b\nc: \xff\n", "2: is not UTF-8 text; save it as UTF-8"),
        ("a: b\nc: \x00\n", "2: holds a character that YAML does not allow; remove it"),
        ("a:\n\t- b\n", "2:1: is not YAML: found character '\\t' that cannot start any token; indent with spaces"),
        (
            "a: [b\n",
            "2:1: is not YAML: expected ',' or ']', but got '<stream end>'; the bracket that opens in line 1",
        ),
        (
            "a: [${X}]\n",
            "1:6: is not YAML: expected ',' or ']', but got '{'; a ${...} inside [...] or {...} must stand",
        ),
        ("a: [x, ${X}]\n", "1:9: is not YAML: expected ',' or ']', but got '{'; a ${...} inside [...] or {...} must"),
        (
            "a: [json://${X}]\n",
            "1:13: is not YAML: expected ',' or ']', but got '{'; a ${...} inside [...] or {...} must",
        ),
        ("a: {b: ${X}}\n", "1:9: is not YAML: expected ',' or '}', but got '{'; a ${...} inside [...] or {...} must"),
        ("a:\n  [\n  ${X}\n  ]\n", "3:4: is not YAML: expected ',' or ']', but got '{'; a ${...} inside [...] or"),
        (
            "a:\n  b: c\n d: e\n",
            "3:2: is not YAML: expected <block end>, but found '<block mapping start>'; indent this",
        ),
        ("a: b: c\n", "1:5: is not YAML: mapping values are not allowed here; look for a bracket"),
        ("a:\n  b\n  c: d\n", "2: is not YAML; put a colon after the key in this line"),
        ("a:\n  - b c\n    d: e\n", "2: is not YAML; put a colon after the key in this line"),
        ("a: b\nc: 'd\ne: f\n", "2: is not YAML: a quote that opens here does not close in its line; close it"),
        ("a: \"b\nc: d # it's\n", "1: is not YAML: a quote that opens here does not close in its line; close it"),
        ("a: 'b\nc: d # it's one\n", "1: is not YAML: a quote that opens here does not close in its line; close it"),
        (
            "a: {b: c d: e}\n",
            "1:11: is not YAML: expected ',' or '}', but got ':'; a comma is missing before this, or the bracket that",
        ),
        ("a: */x\n", "1:5: is not YAML: expected alphabetic or numeric character, but found '/'; a value that begins"),
        ("a: [b, !c]\nd: e\n", "2:2: is not YAML: expected ',' or ']', but got ':'; a value that begins"),
        ("a: b\n---\nc: d\n", "2:1: is not YAML: but found another document; look for"),
    ],
)
def test_text_that_is_not_yaml_is_refused_with_its_line(file: File, text: str | bytes, claim: str) -> None:
    assert file.complaint(text).startswith(f"roundsman.yaml:{claim}")


def test_a_byte_order_mark_is_no_mistake(file: File) -> None:
    assert file.load("\ufeff" + ROUTE).routes


@pytest.mark.parametrize(
    ("text", "claim"),
    [
        (
            ROUTE + "    match: {branch: main,\n      branch: dev}\n",
            "7: route 1: match.branch stands twice, first in line 6",
        ),
        (ROUTE + "routes: []\n", "6: routes stands twice, first in line 4; keep one"),
        (ROUTE + "    match: {tag: a, tag: b}\n", "6: route 1: match.tag stands twice, first in line 6; keep one"),
        (ROUTE + "    ? [a]\n    : b\n", "6: route 1 has a key that is not a plain word"),
        (ROUTE + "    match:\n      tag: !v1\n", "7: route 1: match.tag has a value that begins with !, which YAML"),
        (ROUTE + "hooks: &a [*a, *a]\n", "6: hook 1 is nested too deep"),
    ],
)
def test_yaml_that_means_something_else_is_refused(file: File, text: str, claim: str) -> None:
    assert file.complaints(text)[0].startswith(f"roundsman.yaml:{claim}")


# Shapes


@pytest.mark.parametrize(
    ("text", "claim"),
    [
        ("- a\n", "1: the file must hold lines of the form key: value"),
        ("receivers: {}\n", "1: routes is missing"),
        (ROUTE + "peeple: x\n", "6: peeple is not a key here; did you mean people?"),
        (ROUTE + "hook: []\n", "6: hook is not a key here; did you mean hooks?"),
        (ROUTE + "    contineu: true\n", "6: route 1: contineu is not a key here; did you mean continue?"),
        (ROUTE + "    match:\n      brnch: x\n", "7: route 1: match.brnch is not a key here; did you mean branch?"),
        (ROUTE + "hooks:\n - project: gh/a/b\n   nam: x\n", "8: hook 1: nam is not a key here; did you mean name?"),
        (
            "receivers:\n  team:\n    channels: [json://x]\n    chanels: x\nroutes: []\n",
            "4: receivers.team.chanels is not a key here; did you mean channels?",
        ),
        (ROUTE + "    match:\n", "6: route 1: match has no value; give it one or remove the line"),
        (ROUTE + "    match: main\n", "6: route 1: match must hold lines of the form key: value"),
        (
            ROUTE + "    match: {tag: {a: b}}\n",
            "6: route 1: match.tag must be one value, or a list of them",
        ),
        (ROUTE + "    match: {tag: [[a]]}\n", "6: route 1: match.tag 1 must be one value"),
        (ROUTE + "    continue: maybe\n", "6: route 1: continue must be true or false"),
        (ROUTE + "    continue: []\n", "6: route 1: continue must be true or false"),
        (ROUTE + '    name: ""\n', "6: route 1: name is empty; give it a value or remove it"),
        (TEAM + "routes:\n  - name: x\n", "5: route 'x': receiver is missing"),
        (TEAM + "routes:\n  - reciever: team\n", "5: route 1: reciever is not a key here; did you mean receiver?"),
        (
            "receivers:\n  team:\n    channels [json://x]\nroutes: []\n",
            "3: receivers.team must hold lines of the form key: value; here a colon is missing after the key",
        ),
        (TEAM + "routes: {}\n", "4: routes must be a list; begin each of its lines with '- '"),
        ("receivers: []\nroutes: []\n", "1: receivers must hold lines of the form key: value"),
        (
            "receivers:\n  team:\n    channels: []\nroutes: []\n",
            "3: receivers.team.channels is an empty list; put something into it or remove it",
        ),
    ],
)
def test_a_wrong_shape_is_named_with_its_line_and_the_next_step(file: File, text: str, claim: str) -> None:
    assert file.complaint(text) == f"roundsman.yaml:{claim}"


def test_all_problems_of_environment_and_file_are_said_at_once(file: File) -> None:
    text = TEAM + "routes:\n  - name: x\n  - name: x\n    match: {brnch: main, tag: '!'}\n    receiver: taem\n"

    assert file.complaints(text, {"ROUNDSMAN_PORT": "http"}) == [
        "ROUNDSMAN_PORT must be a whole number from 0 to 65535, not 'http': correct it, or leave it out for 8000",
        "roundsman.yaml:6: route 2 is called x, as line 5 is; give each route its own name",
        "roundsman.yaml:5: route 1: receiver is missing",
        "roundsman.yaml:7: route 2: match.tag is an empty pattern; write what to match, or * for anything",
        "roundsman.yaml:7: route 2: match.brnch is not a key here; did you mean branch?",
        "roundsman.yaml:8: route 2: receiver taem is not one of the receivers; did you mean team?",
    ]


# Routes and hooks


@pytest.mark.parametrize("glob", ["[[]x", "v[0-9]*", "[!]a]", "[]]", "a]b", "!release/*"])
def test_a_good_glob_is_taken_as_it_is(file: File, glob: str) -> None:
    [matcher] = file.load(f'{ROUTE}    match: {{branch: "{glob}"}}\n').routes[0].matchers

    assert (matcher.patterns, matcher.excluded) in {((glob,), ()), ((), (glob.removeprefix("!"),))}


def test_route_may_match_jobs_if_its_event_includes_them(file: File) -> None:
    config = file.load(ROUTE + "    match: {event: [workflow-completed, job-completed], job: deploy-*}\n")

    assert [matcher.key for matcher in config.routes[0].matchers] == ["event", "job"]


def test_route_to_a_receiver_is_refused_if_there_are_none(file: File) -> None:
    text = "receivers: {}\nroutes:\n  - receiver: team\n"

    sentence = "roundsman.yaml:3: route 1: receiver team is not one of the receivers; there are none"
    assert file.complaint(text) == sentence


def test_a_default_name_can_be_taken_too(file: File) -> None:
    text = TEAM + "routes:\n  - {receiver: team, name: route 2}\n  - {receiver: team}\n"

    assert file.complaint(text) == (
        "roundsman.yaml:6: route 2 is called route 2, as line 5 is; give each route its own name"
    )


@pytest.mark.parametrize(
    ("first", "second"),
    [("gh/acme/web", "gh/acme/web"), ("gh/acme/web", "github/acme/web"), ("bitbucket/acme/web", "bb/acme/web")],
)
def test_a_project_has_one_hook(file: File, first: str, second: str) -> None:
    said = file.complaint(f"{ROUTE}hooks:\n  - project: {first}\n  - project: {second}\n    name: Other\n")

    assert said.startswith("roundsman.yaml:8: hook 2 is called")
    assert said.endswith("as line 7 is; keep one hook for each project, since all would post to one address")


def test_a_hook_needs_a_whole_slug(file: File) -> None:
    assert file.complaint(ROUTE + "hooks: [{project: acme/web}]\n") == (
        "roundsman.yaml:6: hook 1: project acme/web is not a project slug; write it as CircleCI does, like gh/acme/web"
        ", or circleci/... as the settings of a project of the GitHub App show it"
    )


@pytest.mark.parametrize(
    ("written", "patterns", "excluded"),
    [
        ("gh/acme/*", ("gh/acme/*",), ()),
        ("[gh/acme/*, '!gh/acme/old-*']", ("gh/acme/*",), ("gh/acme/old-*",)),
        ("[gh/acme/web, gh/acme/api]", ("gh/acme/web", "gh/acme/api"), ()),
        ("'*'", ("*",), ()),
    ],
)
def test_a_hook_of_patterns_is_of_all_projects_that_they_fit(
    file: File, written: str, patterns: tuple[str, ...], excluded: tuple[str, ...]
) -> None:
    [hook] = file.load(f"{ROUTE}hooks: [{{project: {written}}}]\n").hooks

    assert (hook.patterns, hook.excluded) == (patterns, excluded)


@pytest.mark.parametrize(
    ("written", "claim"),
    [
        ("'!gh/acme/web'", "leaves projects out and names none; add those that have a hook, such as gh/acme/*"),
        ("[]", "is an empty list; put something into it or remove it"),
        ("['gh/acme/*', acme/web]", "is not a project slug; write it as CircleCI does, like gh/acme/web"),
        ("'gh/acme/[ab'", "opens a [ that no ] closes; write [[] for the plain character"),
        ("'! '", "is an empty pattern; write a slug like gh/acme/web, or gh/acme/* for all of acme"),
        ("{a: b}", "must be one value, or a list of them"),
    ],
)
def test_wrong_pattern_of_a_hook_is_named_with_the_next_step(file: File, written: str, claim: str) -> None:
    said = file.complaint(f"{ROUTE}hooks: [{{project: {written}}}]\n")

    assert said.startswith("roundsman.yaml:6: hook 1: project")
    assert claim in said


# Channels


def test_an_address_has_one_key_and_each_channel_its_label(file: File) -> None:
    config = file.load(
        """\
receivers:
  web: {channels: ["json://a.example.com", "JSON://b.example.com", "${SAME}", "mailto://c@example.com"]}
  ops: {channels: ["json://a.example.com", "jsons://a.example.com"]}
routes: []
""",
        {"SAME": "json://a.example.com"},
    )

    web, ops = (config.receivers[name].channels for name in ("web", "ops"))
    assert [channel.label for channel in web] == ["web (json)", "web (json 2)", "web (mailto)"]
    assert [channel.label for channel in ops] == ["ops (json)", "ops (jsons)"]
    assert ops[0].key == web[0].key
    assert len({channel.key for channel in web + ops}) == 4


def test_secrets_come_from_the_environment_and_from_files_beside_the_file(file: File) -> None:
    (file.folder / "token").write_text("abc\n")
    text = "receivers: {team: {channels: ['slack://${A}/${file:token}/c']}}\nroutes: []\n"

    config = file.load(text, {"A": "hush"})

    [channel] = config.receivers["team"].channels
    assert channel.url == "slack://hush/abc/c"
    assert "hush" not in repr(config)


@pytest.mark.parametrize(
    ("channel", "claim"),
    [
        ("hush", "is not an address: it must begin like slack:// or mailto:// (Apprise lists them all)"),
        ("mailto://hush: hush", "must be one address; put it in quotes if it has ': ' in it"),
        ("", "has no value; give it one or remove the line"),
        ("${GONE}", "needs the variable GONE, which is not set; set it where Roundsman runs"),
    ],
)
def test_a_bad_channel_is_named_but_never_shown(file: File, channel: str, claim: str) -> None:
    text = f"receivers:\n  team:\n    channels:\n      - {channel}\nroutes: []\n"

    assert file.complaint(text) == f"roundsman.yaml:4: receivers.team.channels 1 {claim}"
