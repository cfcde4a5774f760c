"""The law of the repository's habits: records of decisions, hosted checks and forms stay in shape."""

import re
from pathlib import Path

import pytest

from tests.generate_docs import ROOT

DECISIONS = ROOT / "docs" / "decisions"
RECORDS = sorted(DECISIONS.glob("[0-9]*.md"))
HEADINGS = ["The question", "What was looked at", "The decision", "The price"]
GUIDES = [ROOT / "CONTRIBUTING.md", *RECORDS]
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
