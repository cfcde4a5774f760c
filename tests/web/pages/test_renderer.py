"""Pages of one release, whatever happens to its files meanwhile."""

from pathlib import Path
from shutil import copytree

import pytest
from jinja2 import Environment, nodes

from service.web.pages.renderer import HERE, TemplateRenderer


def test_a_process_shows_the_templates_that_it_began_with(tmp_path: Path) -> None:
    for name in ("templates", "static"):
        copytree(HERE / name, tmp_path / name)
    (tmp_path / "templates" / "used.html").write_text("one of {{ release }}")
    (tmp_path / "templates" / "not_yet.html").write_text("another of {{ release }}")
    renderer = TemplateRenderer(tmp_path)
    renderer.render("used.html", release="0.1")

    for path in (tmp_path / "templates").iterdir():
        path.write_text("of a newer release")

    pages = [renderer.render(name, release="0.1").body for name in ("used.html", "not_yet.html")]
    assert pages == [b"one of 0.1", b"another of 0.1"]


@pytest.mark.parametrize("template", sorted((HERE / "templates").iterdir()), ids=lambda path: path.name)
def test_methods_that_a_template_calls_on_texts_are_there(template: Path) -> None:
    parsed = Environment(extensions=["jinja2.ext.do"]).parse(template.read_text())  # noqa: S701 - renders nothing
    of_texts = [one.attr for one in parsed.find_all(nodes.Getattr) if isinstance(one.node, nodes.Const)]

    assert [one for one in of_texts if not hasattr(str, one)] == []
