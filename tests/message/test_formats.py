"""The three forms of a story: each shows text from outside literally, also behind a guard."""

import pytest

from service.message import Form, guard_markup
from service.message.blocks import Block, Link, Untrusted
from service.message.formats import heading, render

TEXT = Untrusted(text="<b>*x*</b>")
BREAK = "\N{ZERO WIDTH SPACE}"


@pytest.mark.parametrize(
    ("form", "shown"),
    [
        (Form.TEXT, "<b>*x*</b>\n"),
        (Form.HTML, "<p><b>&lt;b&gt;*x*&lt;/b&gt;</b></p>\n"),
        (Form.MARKDOWN, "**`<b>*x*</b>`**\n\n"),
    ],
)
def test_title_stands_literally_in_each_form(form: Form, shown: str) -> None:
    assert heading(TEXT.text, form) == shown


@pytest.mark.parametrize("piece", [TEXT, Link(words=(TEXT,), url="https://ci.example.com")])
def test_guard_keeps_text_from_outside_escaped_in_html(piece: Untrusted | Link) -> None:
    shown = render([Block(lines=((piece,),))], Form.HTML, guard_markup)

    assert "&lt;b&gt;*x*&lt;/b&gt;" in shown


def test_text_behind_the_guard_of_markup_has_no_code_span_in_markdown() -> None:
    guarded = render([Block(lines=((TEXT,),))], Form.MARKDOWN, guard_markup)

    assert "`" not in guarded
    assert "`" in render([Block(lines=((TEXT,),))], Form.MARKDOWN)
    assert "`" in render([Block(lines=((TEXT,),))], Form.MARKDOWN, str)
