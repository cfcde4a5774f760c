"""The sheets that a page loads style each class that it uses: one of another page's sheet would do nothing there."""

import re
from collections.abc import Iterator

from service.web.pages.renderer import HERE

TEMPLATES, STATIC = HERE / "templates", HERE / "static"
PARTS = re.compile(r'{%-? (?:include|extends|from|import) "([^"]+)"')
WORD = re.compile(r"[a-zA-Z][\w-]*")


def template(name: str) -> Iterator[str]:
    """Yield a template and all that it is made of."""
    source = (TEMPLATES / name).read_text(encoding="utf-8")
    yield source
    for part in PARTS.findall(source):
        yield from template(part)


def classes_of(source: str) -> set[str]:
    """Return the classes that are written out in a template."""
    written = re.findall(r'class="((?:[^"{]|{{.*?}}|{%.*?%})*)"', source)
    return {word for one in written for word in WORD.findall(re.sub(r"{{.*?}}|{%.*?%}", " ", one))}


def selectors(name: str) -> set[str]:
    """Return the classes that stand alone in a rule of a sheet: those that are styled wherever they are."""
    sheet = re.sub(r"/\*.*?\*/", "", (STATIC / name).read_text(encoding="utf-8"), flags=re.DOTALL)
    rules = re.findall(r"([^{}]+){", sheet)
    return {match[1] for rule in rules for one in rule.split(",") if (match := re.fullmatch(r"\s*\.([\w-]+)\s*", one))}


def test_a_page_loads_the_sheet_of_each_class_that_it_uses() -> None:
    sheets = {path.name: selectors(path.name) for path in STATIC.glob("*.css")}
    found = []
    for path in sorted(TEMPLATES.glob("[!_]*.html")):
        source = "".join(template(path.name))
        loaded = {"roundsman.css", *re.findall(r"/static/(\w+\.css)", source)}
        styled = set().union(*(sheets[name] for name in loaded))
        others = set().union(*(rules for name, rules in sheets.items() if name not in loaded))
        found += [f"{path.name}: {name}" for name in sorted((classes_of(source) & others) - styled)]

    assert found == []
