"""Write the generated parts of the documentation anew: ``python -m tests.generate_docs``, or ``make docs``.

A page says where a part goes with two comments, ``<!-- generated: NAME -->`` and ``<!-- end -->``; whatever stands
between them is replaced. tests/test_docs.py fails when a page is behind.
"""

import inspect
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from service import model
from service.config.settings import Settings, is_secret, variable
from service.routing.match_keys import MATCH_KEYS, SEARCH_FILTERS
from service.web.auth.rights import RIGHTS
from tests.support import circleci_reference, cli_reference, services_reference
from tests.support.cli_reference import table

ROOT = Path(__file__).parent.parent
_SLOT = re.compile(r"(<!-- generated: (?P<part>[\w-]+) -->\n).*?(<!-- end -->)", re.DOTALL)
_TYPES = {"boolean": "true or false", "string": "text", "integer": "number", "array": "list"}


def pages() -> list[Path]:
    """Every page of the documentation."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def rendered(page: str) -> str:
    """The text of a page with its generated parts anew."""
    return _SLOT.sub(lambda slot: f"{slot[1]}\n{PARTS[slot['part']]()}\n\n{slot[3]}", page)


def settings() -> str:
    """One row for each setting: two columns, since four would not fit where people read them."""
    schema = Settings.model_json_schema()["properties"]
    rows = []
    for name, field in Settings.model_fields.items():
        names = f"`{variable(name)}`" + (f"<br>`{variable(name)}_FILE`" if is_secret(name) else "")
        default = f", `{field.default}`" if field.default not in {None, ()} else ""
        rows.append((f"{names}<br>{_type(schema[name])}{default}", field.description or ""))
    return table(("name, type and default", "meaning"), rows)


def match_keys() -> str:
    """One row for each key of a match."""
    rows = [(f"`{name}`", key.sentence) for name, key in MATCH_KEYS.items()]
    return table(("key", "tests"), rows)


def filters() -> str:
    """One row for each filter of events by a match key."""
    rows = [(f"`{name}`", one.sentence) for name, one in SEARCH_FILTERS.items()]
    return table(("parameter", "is compared with"), rows)


def rights() -> str:
    """One row for each right, with the role that has it first."""
    return table(("role", "may"), [(right.role, right.sentence) for right in RIGHTS.values()])


def glossary() -> str:
    """One row for each word of the model, with the first sentence of what it is."""
    words = {name: getattr(model, name) for name in model.__all__ if inspect.isclass(getattr(model, name))}
    return table(("word", "means"), [(_spaced(name), _first_paragraph(word)) for name, word in words.items()])


PARTS: dict[str, Callable[[], str]] = {
    "settings": settings,
    "match-keys": match_keys,
    "filters": filters,
    "glossary": glossary,
    "rights": rights,
    "commands": cli_reference.commands,
    "routes": cli_reference.routes,
    "event": cli_reference.event,
    "endpoints": circleci_reference.endpoints,
    "services": services_reference.services,
    "incidents": services_reference.incidents,
}


def _spaced(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).lower()


def _first_paragraph(word: type) -> str:
    paragraph = (inspect.getdoc(word) or "").partition("\n\n")[0]
    return " ".join(paragraph.replace("``", "`").split())


def _type(schema: dict[str, Any]) -> str:
    choices = schema.get("anyOf", [schema])
    return "path" if schema.get("format") == "path" else _TYPES[choices[0]["type"]]


def write(paths: Iterable[Path]) -> None:
    """Bring pages up to date."""
    for path in paths:
        path.write_text(rendered(path.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    write(pages())
