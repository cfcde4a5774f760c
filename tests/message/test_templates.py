"""A receiver's own headline and body: what they may do, and what happens when they fail."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from service.message import Form, Story, apply_templates, compose, slack_message, slack_problems, template_problem
from service.message.template_language import MAX_OUTPUT
from service.message.templates import NAMES
from service.model import Commit, JobReport, Message, Receiver, TestFailure, TestReport
from tests.message.moments import MOMENTS, PAGE
from tests.support.hostile_words import EVERY

DOCS = Path(__file__).parents[2] / "docs" / "configuration.md"


def told(name: str = "broke", *, subject: str | None = None, **templates: str) -> Message:
    event, details, facts = MOMENTS[name]
    if subject is not None:
        event = replace(event, commit=Commit(subject=subject))
    message = compose(event, details, event_url=PAGE, facts=facts)
    receiver = Receiver(name="web-team", channels=(), **templates)
    return apply_templates(receiver, Story(event=event, details=details, facts=facts, message=message))


def test_headline_is_the_receivers_own() -> None:
    message = told(headline="{{ project }} {{ branch }} {{ transition }}")

    assert message.title == "acme/web main broke"
    assert message.remark is None
    assert "3 of 415 tests failed" in message.text


@pytest.mark.parametrize(
    ("headline", "title"),
    [
        ("{{ project | upper }}", "ACME/WEB"),
        ("{{ 'Acme/WEB' | lower }}", "acme/web"),
        ("{{ 'acme/WEB' | capitalize }}", "Acme/web"),
        ("{{ '  x  ' | trim }}{{ 'y' }}", "xy"),
        (f"{{{{ '{'x' * 101}' | truncate }}}}", "x" * 97 + "..."),
        (f"{{{{ '{'x' * 100}' | truncate }}}}", "x" * 100),
        ("{{ 'abcdef' | truncate(5) }}", "ab..."),
        ("{{ tag | default('no tag') }} {{ '' | default('empty') }} {{ branch | default('x') }}", "no tag empty main"),
        ("{{ ['a', 'b'] | join('+') }} {{ ['a', 'b'] | join }} {{ 'ab' | join('+') }}", "a+b ab ab"),
        ("{{ ['a', 'b'] | length }} {{ ['a', 'b'] | first }} {{ [] | first is none }}", "2 a True"),
        (
            "{{ 1 is eq 1 }} {{ 1 is ne 1 }} {{ 1 is lt 2 }} {{ 1 is gt 2 }} {{ 1 is in [1] }}",
            "True False True False True",
        ),
    ],
)
def test_filter_and_test_of_templates_does_what_its_name_says(headline: str, title: str) -> None:
    assert told(headline=headline).title == title


def test_failed_test_is_of_its_class_or_else_of_its_file() -> None:
    event, details, facts = MOMENTS["broke"]
    failures = (TestFailure(name="a", class_name="Class", file="f.py"), TestFailure(name="b", file="f.py"))
    report = TestReport(counts={"failure": 2}, failures=failures)
    jobs = (JobReport(name="unit", status="failed", tests=report),)
    known = replace(details, jobs=jobs)
    story = Story(event=event, details=known, facts=facts, message=compose(event, known, facts=facts))
    receiver = Receiver(name="web-team", channels=(), body="{% for one in failed_tests %}{{ one.module }} {% endfor %}")

    assert apply_templates(receiver, story).text.splitlines()[0].split() == ["Class", "f.py"]


def test_body_is_the_receivers_own_and_keeps_the_link_to_our_page() -> None:
    body = "{{ headline }}\n{% for test in failed_tests %}\n- {{ test.name }}: {{ test.message }}\n{% endfor %}"

    message = told(body=body)

    assert message.text.splitlines()[0] == "acme/web main broke: 3 tests fail in unit-tests"
    assert "- test_voucher_cannot_be_used_twice: assert 2 == 1" in message.text
    assert message.text.endswith(f"Why did I get this? {PAGE}")
    assert message.title == "acme/web main broke: 3 tests fail in unit-tests"


def test_lists_have_ten_items_at_most() -> None:
    event, details, facts = MOMENTS["broke"]
    job = next(one for one in details.jobs or () if one.status == "failed")
    more = replace(details, jobs=tuple(replace(job, name=f"job-{number}") for number in range(11)))
    body = "{% for job in failed_jobs %}+{% endfor %} {% for test in failed_tests %}-{% endfor %}"
    story = Story(event=event, details=more, facts=facts, message=compose(event, more, facts=facts))

    message = apply_templates(Receiver(name="web-team", channels=(), body=body), story)

    assert message.text.splitlines()[0] == f"{'+' * 10} {'-' * 10}"


@pytest.mark.parametrize("name", MOMENTS)
def test_every_documented_name_can_be_used_at_every_moment(name: str) -> None:
    body = "\n".join(f"{each}={{{{ {each} }}}}" for each in NAMES)

    message = told(name, body=body)

    assert message.remark is None
    assert "None" not in message.text


def test_names_are_documented() -> None:
    section = DOCS.read_text().partition("### Templates")[2].partition("###")[0]
    documented = re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)

    assert documented == list(NAMES)


@pytest.mark.parametrize("subject", EVERY)
def test_values_are_literal_in_every_form(subject: str) -> None:
    message = told(subject=subject, body="**Commit**: {{ subject }}")

    assert "<script" not in message.html
    assert slack_problems(slack_message(message)) == []
    span = message.markdown.partition("**Commit**: ")[2].splitlines()[0]
    assert span.startswith("`")


@pytest.mark.parametrize("hostile", ["\ue000x\ue001", "\ue001{{ 7 * 7 }}\ue000", "{% raw %}{{ url }}"])
def test_value_cannot_pose_as_the_operators_words(hostile: str) -> None:
    message = told(subject=hostile, body="S {{ subject }}")

    spans = message.markdown.splitlines()[0]
    assert spans.startswith("S `")
    assert spans.endswith("`")
    assert "49" not in spans


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{{ project", "is no template of Jinja2"),
        ("{{ projekt }}", "'projekt' is undefined"),
        ("{% for i in range(10) %}x{% endfor %}", "has a loop over something else"),
        ("{{ ''.__class__.__mro__ }}", "cannot be filled in"),
        ("{{ 'x' * 1000000000 }}", "has a mul"),
        ("{{ 2 ** 100000000 }}", "has a pow"),
        ("{{ '%999999999d' % 1 }}", "has a mod"),
        ("{% set x = 'a' %}{{ x }}", "sets a name"),
        ("{% macro m() %}{% endmacro %}", "defines a macro"),
        ("{% include 'x' %}", "includes a file"),
        ("{% import 'x' as y %}", "imports a file"),
        ("{% extends 'x' %}", "extends a file"),
        ("{% for c in body %}x{% endfor %}", "has a loop over something else"),
        ("{% for a in failed_tests recursive %}x{% endfor %}", "has a loop over something else"),
        ("{{ body.format(url) }}", "calls a function"),
        ("{{ project | pprint }}", "No filter named 'pprint'"),
        ("{{ project | attr('x') }}", "No filter named 'attr'"),
        ("{{ config }}", "'config' is undefined"),
        ("{{ subject.title }}", "'title' is no fact"),
        ("{{ self }}", "'self' is no fact"),
        ("x" * 4_001, "has 4001 characters"),
        ("{{ " + "(" * 1_500 + "1" + ")" * 1_500 + " }}", "nested too deeply"),
        ("{% if false %}x{% endif %}", "makes an empty"),
        ("{{ branch + 1 }}", "cannot be filled in"),
    ],
)
@pytest.mark.parametrize("is_headline", [True, False])
def test_a_template_with_a_problem_is_refused(text: str, problem: str, is_headline: bool) -> None:
    found = template_problem(text, is_headline=is_headline)

    assert found is not None
    assert problem in found


def test_loops_in_loops_are_limited() -> None:
    text = "x" + "{% for a in failed_tests %}" * 3 + "{% endfor %}" * 3

    assert "more than 2 deep" in str(template_problem(text, is_headline=False))


@pytest.mark.parametrize(
    "text", ["{{ body ~ body ~ body }}", "{{ failed_tests | join(', ') }}", "{{ project | default('x') | upper }}"]
)
def test_ordinary_templates_have_no_problem(text: str) -> None:
    assert template_problem(text, is_headline=False) is None


def test_output_is_limited() -> None:
    text = "x" + "{% for a in failed_jobs %}{{ body }}{% endfor %}" * 3

    assert len(told("broke", body=text * 20).text) <= MAX_OUTPUT


@pytest.mark.parametrize("template", [{"headline": "{{ failed_tests[5].name }}"}, {"body": "{{ failed_jobs[9].url }}"}])
def test_a_template_that_fails_leaves_the_built_in_form_and_a_remark(template: dict[str, str]) -> None:
    message = told(**template)

    assert message.title == "acme/web main broke: 3 tests fail in unit-tests"
    assert message.remark is not None
    assert message.remark.startswith("a template of web-team cannot be filled in: ")
    assert message.remark.endswith("sent in the built-in form")


def test_receiver_without_templates_gets_the_built_in_message() -> None:
    event, details, facts = MOMENTS["broke"]

    assert told() == compose(event, details, event_url=PAGE, facts=facts)


@pytest.mark.parametrize("form", Form)
def test_each_form_is_made_of_the_body(form: Form) -> None:
    assert "Look at this" in getattr(told(body="Look at this: {{ workflow }}"), form)
