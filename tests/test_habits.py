"""The law of the repository's habits: records of decisions, hosted checks and forms stay in shape."""

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.generate_docs import ROOT
from tests.support.source_trees import tree

DECISIONS = ROOT / "docs" / "decisions"
RECORDS = sorted(DECISIONS.glob("[0-9]*.md"))
HEADINGS = ["The question", "What was looked at", "The decision", "The price"]
GUIDES = [ROOT / "CONTRIBUTING.md", ROOT / "RELEASE.md", *RECORDS]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").iterdir())
FORMS = sorted((ROOT / ".github" / "ISSUE_TEMPLATE").iterdir())
TARGETS = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
FOLDERS = r"service|tests|docs|helm|migrations|\.ci|\.github"


def test_decisions_are_numbered_without_a_gap() -> None:
    assert [path.name[:5] for path in RECORDS] == [f"{number:04}-" for number in range(1, len(RECORDS) + 1)]


@pytest.mark.parametrize("record", RECORDS, ids=lambda path: path.stem)
def test_decision_has_its_number_date_and_four_headings(record: Path) -> None:
    text = record.read_text(encoding="utf-8")

    assert text.startswith(f"# {int(record.name[:4])}. ")
    assert re.search(r"^\w+ 20\d\d\. (In force|Replaced by \d+)\.$", text, re.MULTILINE)
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == HEADINGS


def test_index_names_each_decision_by_its_title() -> None:
    rows = re.findall(r"^\| \[(\d+)\]\((\S+)\) \| (.+) \|$", (DECISIONS / "README.md").read_text(), re.MULTILINE)
    titles = [re.sub("^# ", "", path.read_text(encoding="utf-8").partition("\n")[0]) for path in RECORDS]

    assert [(path, f"{number}. {title}") for number, path, title in rows] == [
        (path.name, title) for path, title in zip(RECORDS, titles, strict=True)
    ]


@pytest.mark.parametrize("guide", GUIDES, ids=lambda path: path.stem)
def test_guide_names_only_paths_that_exist(guide: Path) -> None:
    named = re.findall(rf"`((?:{FOLDERS})/[\w./-]+)`", guide.read_text(encoding="utf-8"))

    assert [path for path in named if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("guide", GUIDES, ids=lambda path: path.stem)
def test_guide_names_only_targets_of_the_makefile(guide: Path) -> None:
    named = re.findall(r"(?:`|\$ )make ([a-z-]+)", guide.read_text(encoding="utf-8"))

    assert set(named) <= set(TARGETS)


def parsed(path: Path) -> dict[Any, Any]:
    """Return what a YAML file says."""
    said = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert isinstance(said, dict)
    return said


def steps(workflow: Path) -> list[dict[str, Any]]:
    """Return every step of every job."""
    return [step for job in parsed(workflow)["jobs"].values() for step in job["steps"]]


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.stem)
def test_workflow_may_only_read(workflow: Path) -> None:
    jobs = parsed(workflow)["jobs"]

    assert parsed(workflow)["permissions"] == {}
    assert {name: job["permissions"] for name, job in jobs.items()} == {name: {"contents": "read"} for name in jobs}
    assert "secrets." not in workflow.read_text(encoding="utf-8")


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.stem)
def test_workflow_pins_actions_by_hash_and_names_their_release(workflow: Path) -> None:
    used = re.findall(r"uses: *(.+)", workflow.read_text(encoding="utf-8"))

    assert used
    assert [action for action in used if not re.fullmatch(r"[\w/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", action)] == []


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.stem)
def test_workflow_calls_targets_that_exist(workflow: Path) -> None:
    called = [made[1] for step in steps(workflow) if (made := re.match(r"make ([a-z-]+)", step.get("run", "")))]

    assert {"lint", "docs", "test", "cover"} <= set(called) <= set(TARGETS)


def test_hosted_checks_cover_supported_versions() -> None:
    jobs = parsed(ROOT / ".github" / "workflows" / "ci.yml")["jobs"]

    assert jobs["python"]["strategy"]["matrix"]["python"] == ["3.11", "3.12", "3.13", "3.14"]
    assert jobs["postgres"]["strategy"]["matrix"]["postgres"] == ["14", "15", "16", "17", "18"]


@pytest.mark.parametrize("form", FORMS, ids=lambda path: path.stem)
def test_issue_form_has_fields_with_ids_of_their_own(form: Path) -> None:
    fields = [field["id"] for field in parsed(form).get("body", []) if field["type"] != "markdown"]

    assert form.stem == "config" or fields
    assert len(set(fields)) == len(fields)


def test_hooks_before_a_commit_are_local() -> None:
    assert [one["repo"] for one in parsed(ROOT / ".pre-commit-config.yaml")["repos"]] == ["local"]


def test_coverage_gate_is_no_lower_than_promised() -> None:
    report = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["coverage"]["report"]

    assert report["fail_under"] >= 95


# Tests replace nothing of ours: values are handed in


PATCHING = {"setattr", "setitem", "delattr", "delitem", "patch", "object", "dict", "multiple"}
STANDARD = ("os", "sys", "tempfile")
BEING_REWRITTEN = (  # the engines: their timings are handed in with their next shape
    *("tests/queue/test_errors.py", "tests/queue/test_embedded_polling.py", "tests/db/test_connections.py"),
)


def replaced(path: Path) -> Iterator[str]:
    """Yield what a test replaces for a while: the first argument of each call that does so."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        match node:
            case ast.Call(func=ast.Name(id="patch" | "setattr"), args=[target, *_]):
                yield ast.unparse(target)
            case ast.Call(func=ast.Attribute(attr=attr, value=owner), args=[target, *_]) if attr in PATCHING:
                if ast.unparse(owner) in {"monkeypatch", "self._monkeypatch", "patch", "mock", "mock.patch"}:
                    yield ast.unparse(target)


def test_tests_replace_names_of_the_standard_library_alone() -> None:
    paths = [path for path in sorted((ROOT / "tests").rglob("*.py")) if not path.as_posix().endswith(BEING_REWRITTEN)]
    ours = [
        f"{path.relative_to(ROOT)}: {target}"
        for path in paths
        for target in replaced(path)
        if target.strip("'").partition(".")[0] not in STANDARD
    ]

    assert ours == []


def test_a_protocol_says_why_it_is_no_class() -> None:
    silent = [
        f"{path.relative_to(ROOT)}: {node.name}"
        for path in sorted((ROOT / "service").rglob("*.py"))
        for node in ast.walk(tree(path))
        if isinstance(node, ast.ClassDef) and "Protocol" in [ast.unparse(base) for base in node.bases]
        if "A protocol because" not in (ast.get_docstring(node) or "")
    ]

    assert silent == []
