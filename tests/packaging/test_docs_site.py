"""The documentation as a site: every page is in its navigation, and the tutorial is what tests type."""

import re
from pathlib import Path

import pytest
import yaml

from tests.stage_site import LINK, TAUGHT, configuration, stage


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site") / "docs"
    stage(folder)
    return folder


def pages_of(navigation: object) -> list[str]:
    match navigation:
        case str():
            return [navigation]
        case dict():
            return [page for one in navigation.values() for page in pages_of(one)]
        case list():
            return [page for one in navigation for page in pages_of(one)]
    return []


def test_navigation_has_every_page_once(site: Path) -> None:
    known = sorted(str(page.relative_to(site)) for page in site.rglob("*.md") if "helm" not in page.parts)

    assert sorted(pages_of(yaml.safe_load(configuration())["nav"])) == known


def test_links_of_the_site_lead_to_what_is_in_it(site: Path) -> None:
    wrong = [
        f"{page.name}: {link['target']}"
        for page in site.rglob("*.md")
        for link in LINK.finditer(page.read_text(encoding="utf-8"))
        if link["target"] and ":" not in link["target"] and not (page.parent / link["target"]).exists()
    ]

    assert wrong == []


def test_tutorial_is_the_chapters_that_are_typed(site: Path) -> None:
    tutorial, first = ((site / name).read_text(encoding="utf-8") for name in ("tutorial.md", "index.md"))

    assert re.findall(r"^## (.*)$", tutorial, re.MULTILINE) == list(TAUGHT)
    assert "curl -i http://127.0.0.1:8000/hooks/circleci" in tutorial
    assert not any(f"## {name}" in first for name in TAUGHT)
    assert "[tutorial](tutorial.md)" in first
