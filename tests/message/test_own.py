"""Messages about no build: paragraphs, and lists with their headings."""

import pytest

from service.message.own import compose_own

DIGEST = """\
42 % of 28 runs were green.
Red now: 2
- acme/web main: build-and-test
- acme/web <b>@everyone</b>: lint
Fixed: 12
- acme/mobile main: screenshots
and 11 more
the end"""


def test_list_stands_under_its_heading_without_gaps() -> None:
    assert compose_own("Digest day", DIGEST, severity="info").text == (
        "42 % of 28 runs were green.\n\n"
        "Red now: 2\n- acme/web main: build-and-test\n- acme/web <b>@everyone</b>: lint\n\n"
        "Fixed: 12\n- acme/mobile main: screenshots\n- and 11 more\n\n"
        "the end"
    )


def test_list_at_the_end_has_no_more_items_than_it_names() -> None:
    assert compose_own("Alarm", "Red now: 1\n- lint", severity="warning").text == "Red now: 1\n- lint"


def test_message_without_a_page_ends_with_its_words() -> None:
    alone = compose_own("Alarm", "A clock is wrong.", severity="warning")
    page = compose_own("Alarm", "A clock is wrong.", severity="warning", page="https://ci.example.com/health")

    assert (len(alone.story), len(page.story)) == (1, 2)
    assert page.text.endswith("Look at it in Roundsman https://ci.example.com/health")


def test_list_of_a_mail_is_a_list_and_its_words_act_nowhere() -> None:
    html = compose_own("Digest day", DIGEST, severity="info").html

    assert "<b>Red now: 2</b>" in html
    assert "<li>acme/web &lt;b&gt;@everyone&lt;/b&gt;: lint</li>" in html


@pytest.mark.parametrize("head", ["<b>x</b>: 1", "@everyone", "[a](b)", "*x*", "x\u202ey"])
def test_heading_with_words_from_outside_is_shown_literally(head: str) -> None:
    markdown = compose_own("Alarm", f"{head}\n- one", severity="warning").markdown

    assert f"**{head}**" not in markdown
    assert "`" in markdown.splitlines()[0]


@pytest.mark.parametrize("text", ["", "- alone", "and 3 more", "a\n\n\nb", "a\n- \n- "])
def test_any_text_is_composed(text: str) -> None:
    message = compose_own("Alarm", text, severity="warning")

    assert [line for line in message.text.splitlines() if line.startswith("- - ")] == []


def test_item_without_a_heading_is_a_paragraph() -> None:
    assert compose_own("Alarm", "- alone\nand 3 more", severity="warning").text == "- alone\n\nand 3 more"
