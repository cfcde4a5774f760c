"""What watches us: dashboard, alerts and the page about them use the names that /metrics really has."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from service.errors import Permanent, Temporary
from tests.generate_docs import ROOT
from tests.support.app_fixture import RED, Instance
from tests.support.operator_client import ADMIN_TOKEN

PAGE = (ROOT / "docs" / "monitoring.md").read_text(encoding="utf-8")
DASHBOARD = json.loads((ROOT / "helm" / "dashboards" / "roundsman.json").read_text(encoding="utf-8"))
RULES = [
    rule
    for file in sorted((ROOT / "helm" / "alerts").iterdir())
    for group in yaml.safe_load(file.read_text(encoding="utf-8"))["groups"]
    for rule in group["rules"]
]
ADDED_BY_PROMETHEUS = {"job", "instance"}
ADDED_BY_ITS_OPERATOR = {"container", "endpoint", "namespace", "pod", "service"}
BY_CHANCE = {
    "channel",
    "path",
    "status",
    "route",
    "version",
    "database",
    "role",
    "secret",
}  # their values are not all seen in one story

WITH_BUILDS = {"Authorization": f"Bearer {ADMIN_TOKEN}"}

Labels = dict[str, set[str]]
Exposed = Mapping[str, Labels]


def shown() -> Iterator[tuple[str, str]]:
    """Every expression of the dashboard, the alerts and the page, with where it stands."""
    for panel in DASHBOARD["panels"]:
        yield from ((f"panel {panel['title']}", target["expr"]) for target in panel["targets"])
    yield from ((f"alert {rule['alert']}", rule["expr"]) for rule in RULES)
    for block in re.findall(r"^```promql\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL):
        yield from (("the page", line) for line in block.splitlines())


def names(text: str) -> set[str]:
    return set(re.findall(r"\broundsman_\w+", text))


def conditions(expression: str) -> Iterator[tuple[str, str, str]]:
    """What an expression asks of labels: the metric, the label and each value named."""
    for name, braces in re.findall(r"(roundsman_\w+)\{([^}]*\}?[^}]*)\}", expression):
        for label, values in re.findall(r'(\w+)\s*(?:=~|!~|!=|=)\s*"([^"]*)"', braces):
            yield from ((name, label, value) for value in values.split("|"))


def groupings(expression: str) -> set[str]:
    return {label for labels in re.findall(r"by \(([^)]*)\)", expression) for label in labels.split(", ")}


@pytest.fixture
async def exposed(instance: Instance) -> Exposed:
    """Every sample's name with its labels and their values, after a story in which much went wrong."""
    instance.channels.plan["web (json)"] = [Temporary("not now"), Permanent("the channel is gone")]
    await instance.send(b"{}", secret="another")
    await instance.send(b'{"type": "something-new"}')
    await instance.finish(RED)
    await instance.drain()
    await instance.drain(minutes=5)
    await instance.act(f"notifications/{(await instance.dead_letters())['notifications'][0]['id']}/resend")
    await instance.drain()
    found: dict[str, Labels] = {}
    for family in text_string_to_metric_families((await instance.http.get("/metrics", headers=WITH_BUILDS)).text):
        for sample in family.samples:
            known = found.setdefault(sample.name, {})
            for label, value in sample.labels.items():
                known.setdefault(label, set()).add(value)
    return found


async def test_every_expression_asks_for_what_there_is(exposed: Exposed) -> None:
    asked = [(where, name) for where, expression in shown() for name in names(expression)]

    assert {where for where, _ in asked} == {where for where, _ in shown()}
    assert [(where, name) for where, name in asked if name not in exposed] == []


async def test_expressions_tell_apart_by_labels_that_there_are(exposed: Exposed) -> None:
    added = ADDED_BY_PROMETHEUS | {"namespace", "le"}
    unknown = [
        (where, label)
        for where, expression in shown()
        for label in groupings(expression) - added
        if not any(label in exposed[name] for name in names(expression))
    ]

    assert unknown == []


@pytest.mark.long
async def test_expressions_wait_for_values_that_come(exposed: Exposed) -> None:
    wanted = [(where, *condition) for where, expression in shown() for condition in conditions(expression)]
    unknown = [
        (where, name, label, value)
        for where, name, label, value in wanted
        if label not in ADDED_BY_PROMETHEUS
        and not (label in exposed[name] and (label in BY_CHANCE or value in exposed[name][label]))
    ]

    assert len(wanted) > len(DASHBOARD["panels"])
    assert unknown == []


def test_the_conditions_of_an_expression_are_understood() -> None:
    expression = 'sum(rate(roundsman_a_total{job=~"$job", route="/x/{id}", result=~"a b|c"}[5m])) / roundsman_b'

    assert list(conditions(expression)) == [
        ("roundsman_a_total", "job", "$job"),
        ("roundsman_a_total", "route", "/x/{id}"),
        ("roundsman_a_total", "result", "a b"),
        ("roundsman_a_total", "result", "c"),
    ]


async def test_every_number_has_its_row_on_the_page_with_its_labels(exposed: Exposed) -> None:
    rows = dict(re.findall(r"^\| `(roundsman_\w+)` \| (.*) \|$", PAGE, re.MULTILINE))
    documented = {name: row for name, row in rows.items() if not name.startswith("roundsman_process")}
    kept = {family(name): labels for name, labels in exposed.items() if not name.startswith("roundsman_process")}

    assert documented.keys() == kept.keys()
    assert [(name, label) for name, labels in kept.items() for label in labels if f"`{label}`" not in rows[name]] == []


def family(name: str) -> str:
    """The name that people know a sample by."""
    return re.sub(r"_(bucket|sum|count)$", "", name)


@pytest.mark.long
async def test_every_name_on_the_page_is_one_that_there_is(exposed: Exposed) -> None:
    assert names(PAGE) - exposed.keys() <= {family(name) for name in exposed}


@pytest.mark.parametrize("words", [("bad_signature", "refused", "not_kept", "broken_off"), ("put_off", "dead")])
def test_the_page_explains_the_words_that_alerts_go_by(words: Iterable[str]) -> None:
    assert [word for word in words if word not in PAGE] == []


async def test_no_label_of_ours_is_one_that_prometheus_or_its_operator_adds(exposed: Exposed) -> None:
    ours = {label for labels in exposed.values() for label in labels}

    assert not ours & (ADDED_BY_PROMETHEUS | ADDED_BY_ITS_OPERATOR)


def test_every_alert_says_how_bad_it_is_what_it_means_and_what_to_do() -> None:
    told = re.findall(r"^### (Roundsman\w+)\n\n\S", PAGE, re.MULTILINE)

    assert sorted(told) == sorted(rule["alert"] for rule in RULES)
    assert {rule["labels"]["severity"] for rule in RULES} == {"critical", "warning"}
    assert all(set(rule["annotations"]) == {"summary", "description", "runbook_url"} for rule in RULES)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_the_runbook_of_an_alert_is_its_chapter_of_the_page(rule: Mapping[str, Any]) -> None:
    """An anchor is a heading in small letters, on every site that shows a repository's pages."""
    assert rule["annotations"]["runbook_url"] == f"docs/monitoring.md#{rule['alert'].lower()}"


def test_the_dashboard_runs_on_any_chosen_prometheus() -> None:
    chosen = {"type": "prometheus", "uid": "${datasource}"}
    asked: list[Any] = [one for panel in DASHBOARD["panels"] for one in (panel, *panel["targets"])]

    assert DASHBOARD["templating"]["list"][0]["type"] == "datasource"
    assert all(one["datasource"] == chosen for one in asked)


def test_the_panels_of_the_dashboard_lie_side_by_side() -> None:
    tiles = [
        (panel["gridPos"]["x"] + x, panel["gridPos"]["y"] + y)
        for panel in DASHBOARD["panels"]
        for x in range(panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["h"])
    ]

    assert len(tiles) == len(set(tiles))
    assert max(x for x, _ in tiles) == 23


@pytest.mark.parametrize("link", re.findall(r"\]\((\.\./[^)]+)\)", PAGE))
def test_what_the_page_leads_to_is_there(link: str) -> None:
    assert Path(ROOT, "docs", link).is_file()
