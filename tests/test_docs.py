"""The law of the documentation: what exists is documented, what is generated is fresh, what is shown works."""

import re
from pathlib import Path
from typing import Any

import pytest

from service.config.configuration import load
from service.config.schema import FileShape, HookShape, RouteShape
from service.config.settings import Settings, variable
from service.operations.queries import SEARCHABLE
from service.routing.match_keys import MATCH_KEYS
from tests.generate_docs import PARTS, ROOT, match_keys, pages, rendered, write
from tests.support.cli_reference import every_command, every_route

CONFIGURATION, COMMANDS, HTTP = (
    (ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8") for name in ("configuration", "commands", "http")
)
EXAMPLES = [
    example
    for page in pages()
    for example in re.findall(r"^```yaml\n(.*?)^```$", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    if example.startswith("receivers:")
]


@pytest.mark.long
@pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)
def test_what_is_generated_is_fresh(page: Path) -> None:
    text = page.read_text(encoding="utf-8")

    assert text == rendered(text), "run: make docs"


def test_a_stale_part_is_replaced_and_the_rest_of_the_page_stays(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- generated: match-keys -->\nstale\n<!-- end -->\nafter\n")

    write([page])

    assert page.read_text() == f"before\n<!-- generated: match-keys -->\n\n{match_keys()}\n\n<!-- end -->\nafter\n"


def test_every_generated_part_has_its_place_on_one_page() -> None:
    text = "".join(page.read_text(encoding="utf-8") for page in pages())

    assert sorted(re.findall(r"<!-- generated: ([\w-]+) -->", text)) == sorted(PARTS)


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_has_its_row_and_sentence(name: str) -> None:
    sentence = Settings.model_fields[name].description

    assert sentence
    assert sentence.endswith(".")
    assert re.search(rf"^\| `{variable(name)}`.*{re.escape(sentence)} \|$", CONFIGURATION, re.MULTILINE)


@pytest.mark.parametrize("key", list(MATCH_KEYS))
def test_every_match_key_has_its_row(key: str) -> None:
    assert re.search(rf"^\| `{key}` \| \S", CONFIGURATION, re.MULTILINE)


@pytest.mark.parametrize("shape", [RouteShape, HookShape], ids=lambda shape: str(shape.__name__))
def test_every_key_of_a_route_and_a_hook_has_its_row(shape: type[RouteShape | HookShape]) -> None:
    for name, field in shape.model_fields.items():
        assert re.search(rf"^\| `{field.alias or name}` \| \S", CONFIGURATION, re.MULTILINE)


@pytest.mark.parametrize("section", FileShape.model_fields)
def test_every_section_of_the_file_has_its_chapter(section: str) -> None:
    assert f"\n### {section}\n" in CONFIGURATION


@pytest.mark.parametrize(("name", "command"), every_command(), ids=lambda one: one if isinstance(one, str) else "")
def test_every_command_and_each_of_its_options_is_explained(name: str, command: Any) -> None:
    chapter = COMMANDS.partition(f"\n### roundsman {name}\n")[2].partition("\n### ")[0]

    assert command.help.partition("\n")[0] in chapter
    for parameter in command.params:
        assert parameter.name == "help" or f" {parameter.help}" in chapter


@pytest.mark.parametrize(("method", "path", "says"), every_route())
def test_every_address_has_its_row_and_sentence(method: str, path: str, says: str) -> None:
    assert says
    assert f"| `{method} {path}` | {says} |" in HTTP


@pytest.mark.parametrize("name", [*SEARCHABLE, "limit"])
def test_every_parameter_of_a_search_has_its_row(name: str) -> None:
    assert re.search(rf"^\| [^|]*`{name}`[^|]* \| \S", HTTP, re.MULTILINE)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: str(EXAMPLES.index(example)))
def test_a_file_that_is_shown_works(example: str, tmp_path: Path) -> None:
    file = tmp_path / "roundsman.yaml"
    file.write_text(example)
    environ = dict.fromkeys(re.findall(r"\$\{(\w+)\}", example), "json://example.com")

    environ |= {"ROUNDSMAN_CONFIG": str(file), "ROUNDSMAN_CIRCLECI_TOKEN": "as some of them need"}
    environ |= {"ROUNDSMAN_PUBLIC_URL": "http://127.0.0.1:8000"}
    config = load(environ, serving=False)

    assert config.routes
    assert config.warnings == ()
