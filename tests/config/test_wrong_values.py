"""Wrong values at every place of roundsman.yaml: each is refused in the file's own words, or is one that is allowed."""

import copy
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from service.config.schema import FileShape, ReceiverShape, RouteShape
from service.errors import BadConfig
from tests.support.long_cases import few_and_long
from tests.support.roundsman_yaml import File

WHOLE: dict[str, Any] = {
    "receivers": {
        "team": {"channels": ["json://team.example.com"], "headline": "{{ headline }}", "body": "{{ body }}"}
    },
    "routes": [
        {
            "name": "main is red",
            "match": {"branch": ["main"], "status": ["failed"], "streak": [">= 2"], "event": ["workflow-completed"]},
            "receiver": "team",
            "mention": ["author"],
            "continue": True,
            "active": {"days": "mon-fri", "hours": "08:00-18:00", "timezone": "Europe/Oslo"},
            "urgent": False,
            "log": True,
            "repeat": "4h",
            "group": {"by": ["track"], "wait": "20s"},
            "escalate": {"after": "2h", "receiver": "team"},
            "act_links": "12h",
        }
    ],
    "hooks": [{"project": ["gh/acme/web"], "name": "Roundsman", "events": ["workflow-completed"]}],
    "schedules": [
        {
            "project": "gh/acme/web",
            "name": "nightly",
            "hours": [2],
            "days": ["mon"],
            "months": ["jan"],
            "per_hour": 1,
            "branch": "main",
            "parameters": {"deep": True},
            "description": "All tests",
            "actor": "system",
            "timezone": "Europe/Oslo",
        }
    ],
    "operators": {"receiver": "team"},
    "audit": {"receiver": "team", "every": "12h", "file": "/var/lib/seals.jsonl"},
    "known_problems": [
        {"pattern": "timeout", "title": "Slow", "link": "https://example.com", "owner": "Linh", "mute": False}
    ],
    "tests": [
        {
            "name": "main breaks",
            "given": [{"status": "failed", "at": "2026-03-05T14:07:09Z", "project": "gh/acme/web", "pipeline": 3}],
            "expect": [{"receiver": "team", "transition": "broke", "route": "main is red"}],
        }
    ],
    "people": {"linh": {"circleci": ["linh"], "vcs": ["linh"], "email": "linh@example.com", "mention": True}},
    "digests": [{"name": "daily", "cron": "0 9 * * *", "timezone": "UTC", "receiver": "team", "skip_empty": True}],
    "budgets": [{"project": "gh/acme/*", "credits": 50000, "per": "month"}],
    "projects": {"gh/acme/*": {"rerun_wait": "10m", "reconcile": True, "holds": False}},
}
WRONG: list[Any] = ["", "x" * 5000, -1, 1.5, True, [], {}, [[]], {"": {}}]
NOT_OURS = re.compile(
    r"Input should|Value error|valid |validation|Tuple|Dictionary|String|Field |\[key\]|pydantic|None"
)


def places(tree: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of each value below."""
    entries = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for step, below in entries:
        yield (*path, step)
        yield from places(below, (*path, step))


def changed(path: tuple[Any, ...], value: Any) -> str:
    """Return the file with another value at a place; what is JSON is YAML too."""
    whole = copy.deepcopy(WHOLE)
    here: Any = whole
    for step in path[:-1]:
        here = here[step]
    here[path[-1]] = value
    return json.dumps(whole)


def test_the_file_that_is_changed_is_right(tmp_path: Path) -> None:
    File(tmp_path).load(json.dumps(WHOLE))


def test_it_has_a_value_at_every_kind_of_place() -> None:
    shapes: dict[tuple[Any, ...], type[BaseModel]] = {
        (): FileShape,
        ("receivers", "team"): ReceiverShape,
        ("routes", 0): RouteShape,
    }
    for path, shape in shapes.items():
        here: Any = WHOLE
        for step in path:
            here = here[step]
        assert set(here) == {field.alias or name for name, field in shape.model_fields.items()}


@pytest.mark.long
@pytest.mark.parametrize("path", few_and_long(places(WHOLE)), ids=lambda path: ".".join(map(str, path)))
def test_a_wrong_value_is_refused_in_words_of_ours(path: tuple[Any, ...], tmp_path: Path) -> None:
    file = File(tmp_path)
    told: list[str] = []
    for value in WRONG:
        try:
            file.load(changed(path, value))
        except BadConfig as error:
            told += error.problems

    assert told
    assert [problem for problem in told if NOT_OURS.search(problem) or not problem.startswith(str(file.path))] == []
