"""What a message leaves out: where room is short what matters least, and what is known anyway."""

import re
from dataclasses import replace

import pytest

from service.message import Form, RenderOptions, compose, render_body
from service.message.blocks import Block
from service.message.truncate import shorter_versions
from service.model import DetailKind, Details, MissingDetail
from tests.message.test_message import APP, PAGE, STORIES, a_workflow


@pytest.mark.parametrize(
    ("form", "longest"),
    [
        *((Form.TEXT, longest) for longest in (300, 500, 700, 950, 1_200, 2_000)),
        *((Form.MARKDOWN, longest) for longest in (500, 700, 950, 1_200, 2_000)),
        *((Form.HTML, longest) for longest in (900, 1_200, 2_000)),
    ],
)
def test_long_message_is_cut_by_importance_and_counts_the_rest(form: Form, longest: int) -> None:
    message = compose(*STORIES["200-failures"], event_url=PAGE)

    body = render_body(message, form, RenderOptions(max_length=longest))

    assert len(body) <= longest
    assert APP in body
    assert PAGE in body
    assert "200 tests failed" in body
    named = len(re.findall(r"\btest_[0-9]", body))
    assert f"and {200 - named} more" in body or (named == 0 and "200 of them" in body)


def test_addresses_go_before_names_and_names_before_tests() -> None:
    message = compose(*STORIES["failed-with-tests"], event_url=PAGE)
    whole = len(message.text)

    without_addresses = render_body(message, Form.TEXT, RenderOptions(max_length=whole - 1))
    shortest = render_body(message, Form.TEXT, RenderOptions(max_length=400))

    assert without_addresses.count("https://") < message.text.count("https://")
    assert [line.partition(" https://")[0] for line in message.text.splitlines()] == [
        line.partition(" https://")[0] for line in without_addresses.splitlines()
    ]
    assert shortest.count("https://") == 2


def test_detail_that_the_webhook_holds_is_not_reported_missing() -> None:
    missing = (MissingDetail(want=DetailKind.VCS, reason="CircleCI answered 404", is_final=True),)

    known = compose(a_workflow(), Details(missing=missing)).text
    without_branch = compose(replace(a_workflow(), branch=None), Details(missing=missing)).text

    assert "could not be read" not in known
    assert "Branch could not be read: CircleCI answered 404." in without_branch


@pytest.mark.parametrize("longest", [120, 160, 280])
def test_short_message_has_the_title_and_as_much_more_as_fits(longest: int) -> None:
    """Of an SMS, say."""
    message = compose(*STORIES["200-failures"], event_url=PAGE)

    body = render_body(message, Form.TEXT, RenderOptions(max_length=longest, has_title=True))

    assert len(body) <= longest
    assert body.startswith(message.title)
    assert len(body) > len(message.title)
    assert "200 tests failed." in body
    assert "Failed jobs: 20." in body


@pytest.mark.parametrize("form", Form)
@pytest.mark.parametrize("longest", range(100, 900, 50))
def test_numbers_of_what_failed_are_never_cut(form: Form, longest: int) -> None:
    message = compose(*STORIES["200-failures"], event_url=PAGE)

    body = render_body(message, form, RenderOptions(max_length=longest))

    assert len(body) <= longest
    assert "200 tests failed" in body
    assert re.search(r"Failed jobs: 20|20 of them|and \d+ more", body)


def test_failed_job_that_is_alone_keeps_its_name_in_a_short_message() -> None:
    event, details = STORIES["failed-with-tests"]
    assert details
    alone = replace(details, jobs=tuple(job for job in details.jobs or () if job.name != "image"))
    message = compose(event, alone, event_url=PAGE)

    body = render_body(message, Form.TEXT, RenderOptions(max_length=150))

    assert "Failed job: test failed" in body


@pytest.mark.parametrize(("items", "kept"), [(3, [3, 2, 1]), (17, [17, *range(15, 0, -1)])])
def test_items_leave_a_list_by_an_eighth_and_at_least_one_and_are_counted(items: int, kept: list[int]) -> None:
    story = (Block(lines=(("It broke.",),)), Block(heading=("Failed",), lines=tuple((str(n),) for n in range(items))))
    lists = [block for version in shorter_versions(story) for block in version if block.heading and block.lines]

    assert list(dict.fromkeys(len(block.lines) for block in lists)) == kept
    assert {len(block.lines) + block.more for block in lists} == {items}
