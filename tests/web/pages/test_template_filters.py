"""The words of the pages: times, marks and counts as people say them."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from service.web.pages import template_filters

NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("time", "said"),
    [
        ("2026-03-02T00:00:00.000Z", "today 00:00"),
        ("2026-03-02T23:59:59.999Z", "today 23:59"),
        ("2026-03-01T23:59:59.000Z", "yesterday 23:59"),
        ("2026-03-01T00:00:00.000Z", "yesterday 00:00"),
        ("2026-03-03T00:00:00.000Z", "tomorrow 00:00"),
        ("2026-02-28T10:42:00.000Z", "28 Feb 10:42"),
        ("2025-12-31T23:59:00.000Z", "31 Dec 2025 23:59"),
        ("0001-01-01T00:00:00.000Z", "1 Jan 1 00:00"),
        ("2026-03-02T01:00:00+02:00", "yesterday 23:00"),
    ],
)
def test_a_time_is_said_as_people_say_it(time: str, said: str) -> None:
    assert template_filters.short_time(time, NOW) == said
    assert template_filters.short_time(time, NOW.astimezone(timezone(timedelta(hours=-11)))) == said


def test_a_time_may_have_its_seconds_and_its_exact_form() -> None:
    assert template_filters.short_time("2026-03-02T09:12:03.999Z", NOW, seconds=True) == "today 09:12:03"
    assert template_filters.exact_time("2026-03-02T09:12:03.999Z") == "2026-03-02 09:12:03 UTC"


def test_words_of_machines_are_shown_with_blanks() -> None:
    assert ">–</span> on hold</span>" in template_filters.status_tag("on_hold")
    assert template_filters.act_done("rerun_failed") == "rerun from failed"
    assert template_filters.act_done("take") == "taken"
    assert template_filters.act_done("end_session") == "end session"


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        ({"success": 211, "failure": 3}, ["3 failures", "211 passed"]),
        ({"success": 1, "failure": 1, "error": 2, "skipped": 1}, ["1 failure", "2 errors", "1 passed", "1 skipped"]),
        ({"failed": 2, "success": 0}, ["2 failed"]),
        ({"a\nb": 1}, ["1 a b"]),
        ({}, []),
    ],
)
def test_results_are_counted_in_good_grammar(counts: dict[str, int], said: list[str]) -> None:
    assert template_filters.results(counts) == said


def test_a_sentence_begins_with_a_capital_letter_and_ends() -> None:
    assert template_filters.as_sentence("there is none: look again") == "There is none: look again."
    assert template_filters.as_sentence("Why?") == "Why?"
    assert not template_filters.as_sentence("").strip(".")


@pytest.mark.parametrize("name", ["roundsman.yaml", "acme/web", "max_age", "https://ci.example.com", "v2.1:"])
def test_a_name_that_begins_a_sentence_keeps_its_first_letter(name: str) -> None:
    sentence = f"{name} is not known here"

    assert template_filters.as_sentence(sentence) == f"{sentence}."


def test_a_name_of_signs_that_take_many_bytes_is_cut_earlier() -> None:
    marks, plain = template_filters.one_line_or_mark("<" * 400, 100), template_filters.one_line_or_mark("x" * 400, 100)

    assert (marks, plain) == ("<" * 75 + "...", "x" * 97 + "...")


def test_a_name_in_any_alphabet_is_cut_at_the_same_length() -> None:
    for letter in "xñж部한":
        assert template_filters.one_line_or_mark(letter * 100, 100) == letter * 100
        assert template_filters.one_line_or_mark(letter * 400, 100) == letter * 97 + "..."


@pytest.mark.parametrize("letter", ["e\u0301", "🧑‍🚀", "👍🏽", "❤️", "न्"])
def test_a_letter_of_several_signs_is_whole_or_left_out(letter: str) -> None:
    for length in range(3, 40):
        shown = template_filters.one_line_or_mark(letter * 40, length)
        assert set(shown.removesuffix("...").split(letter)) <= {""}, length


def test_a_body_of_signs_that_take_many_bytes_is_cut_earlier() -> None:
    shown = template_filters.truncate_body('"' * template_filters.MAX_BODY)

    assert shown == '"' * 4_800 + " …"
    assert template_filters.truncate_body("x" * template_filters.MAX_BODY) == "x" * template_filters.MAX_BODY


def test_a_list_to_choose_from_leaves_out_names_it_has_no_room_for() -> None:
    usual = [f"acme/service-{number}" for number in range(200)]
    shown = template_filters.options(['"<b>', "x" * template_filters.MAX_OPTIONS_HTML, *usual])

    assert shown == '<option value="&#34;&lt;b&gt;">' + "".join(f'<option value="{name}">' for name in usual)
    assert len(template_filters.options(["&" * 100] * 100)) <= template_filters.MAX_OPTIONS_HTML


def test_a_part_in_backticks_is_code_and_all_of_it_is_escaped() -> None:
    assert template_filters.with_code("run `a <b>` & look") == "run <code>a &lt;b&gt;</code> &amp; look"
    assert template_filters.with_code("no test 'a`b': see `c` (`d e`), `f") == (
        "no test &#39;a`b&#39;: see <code>c</code> (<code>d e</code>), `f"
    )


def test_a_name_of_code_may_wrap_after_its_separators_and_is_escaped() -> None:
    assert template_filters.with_breaks("a.b::test_<x>_1") == "a.<wbr>b::<wbr>test_<wbr>&lt;x&gt;_<wbr>1"
    assert not template_filters.with_breaks("")


def test_the_state_of_a_secret_is_the_time_at_which_it_was_set() -> None:
    shown = template_filters.setting_state("2026-01-12T08:00:00.000Z", NOW)

    assert 'set <time datetime="2026-01-12T08:00:00.000Z" title="2026-01-12 08:00:00 UTC">12 Jan' in shown
    assert [template_filters.setting_state(one, NOW) for one in ("on", "2026-02-30T08:00:00Z")] == [
        "on",
        "2026-02-30T08:00:00Z",
    ]
