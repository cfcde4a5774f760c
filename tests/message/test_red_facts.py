"""The facts of a red run in its message: tests beside earlier runs, suspects, and what else is red."""

from dataclasses import replace
from datetime import timedelta
from itertools import product

import pytest

from service.message import compose
from service.model import (
    Culprits,
    FailedTest,
    MessageFacts,
    News,
    RedElsewhere,
    RedFacts,
    Suspect,
    TestIdentity,
)
from tests.message.moments import MOMENTS

EVENT, DETAILS, FACTS = MOMENTS["broke"]
AT = EVENT.happened_at
PAGE = "https://github.com/acme/web/compare/aaaaaaa...bbbbbbb"


def text_of(red: RedFacts, news: News = News.BROKE) -> str:
    return compose(EVENT, DETAILS, facts=MessageFacts(news=news, red=red)).text


def first_failure() -> TestIdentity:
    job, failure = next((job, job.tests.failures[0]) for job in DETAILS.jobs or () if job.tests and job.tests.failures)
    return TestIdentity(job=job.name, suite=failure.class_name or failure.file or "", name=failure.name)


def test_a_test_is_new_or_failing_since_or_likely_flaky() -> None:
    failed = FailedTest(test=first_failure(), is_new=True)
    evidence = "7 of its last 9 fails were contradicted at the same commit"
    since = replace(failed, is_new=False, failing_since=AT - timedelta(hours=1), failing_runs=3)

    assert f"{failed.test.name} (new)" in text_of(RedFacts(tests=(failed,)))
    assert f"{failed.test.name} (failing since " in text_of(RedFacts(tests=(since,)))
    assert ", in 3 runs; likely flaky: " + evidence + ")" in text_of(RedFacts(tests=(replace(since, flaky=evidence),)))
    assert f"{failed.test.name} (" not in text_of(RedFacts())


EVIDENCE = "7 of its last 9 fails were contradicted at the same commit"
REMARK = "412 of 415 tests failed"
SAID = "failing since 09:42 UTC, in 3 runs"

WORDS = {
    # passed before, failed before or unknown; likely flaky or not; a run of which no test learns or not
    ("passed", False, False): "new",
    ("passed", True, False): f"failing again; likely flaky: {EVIDENCE}",
    ("failed", False, False): SAID,
    ("failed", True, False): f"{SAID}; likely flaky: {EVIDENCE}",
    ("unknown", False, False): "",
    ("unknown", True, False): f"likely flaky: {EVIDENCE}",
    ("passed", False, True): "",
    ("passed", True, True): "",
    ("failed", False, True): "",
    ("failed", True, True): "",
    ("unknown", False, True): "",
    ("unknown", True, True): "",
}


def test_the_list_of_combinations_is_whole() -> None:
    assert {*WORDS} == {*product(("passed", "failed", "unknown"), (False, True), (False, True))}


@pytest.mark.parametrize(("before", "is_flaky", "is_guarded"), WORDS)
def test_each_combination_of_what_is_known_of_a_test_has_its_words(
    before: str, is_flaky: bool, is_guarded: bool
) -> None:
    failed = FailedTest(test=first_failure(), is_new=before == "passed", flaky=EVIDENCE if is_flaky else None)
    failed = replace(failed, failing_since=AT - timedelta(hours=1), failing_runs=3) if before == "failed" else failed

    said = text_of(RedFacts(tests=(failed,), remark=REMARK if is_guarded else None))

    words = WORDS[before, is_flaky, is_guarded]
    assert (f"{failed.test.name} ({words})" in said) == bool(words)
    assert (f"{failed.test.name} (" in said) == bool(words)
    assert ("no test learns from this run" in said) == is_guarded


def test_what_is_red_elsewhere_too_is_said() -> None:
    elsewhere = RedElsewhere(branch="main", since=AT - timedelta(hours=1))

    assert "Also red on main since " in text_of(RedFacts(red_elsewhere=elsewhere))


def test_suspects_are_named_with_the_page_of_their_changes() -> None:
    suspects = tuple(Suspect(revision=str(number), author_name=f"Person {number}") for number in range(7))
    sure = (replace(suspects[0], is_confirmed=True),)

    said = text_of(RedFacts(culprits=Culprits(suspects=suspects, compare_url=PAGE)))
    confirmed = text_of(RedFacts(culprits=Culprits(suspects=sure)))

    assert "Changed since the last green run by Person 0, Person 1, Person 2, Person 3, Person 4 and 2 more" in said
    assert PAGE in said
    assert "Broken by Person 0." in confirmed
    assert "Person 0" not in text_of(RedFacts(culprits=Culprits(suspects=suspects)), News.RUN)


def test_without_a_green_run_on_record_none_is_claimed() -> None:
    suspects = (Suspect(revision="a" * 40, author_name="Ada Example"),)

    said = text_of(RedFacts(culprits=Culprits(suspects=suspects, has_green=False)))

    assert "No green run is on record; changed by Ada Example." in said
    assert "since the last green run" not in said


def test_a_run_of_which_nothing_is_learned_says_why() -> None:
    assert "412 of 415 tests failed: no test learns" in text_of(RedFacts(remark="412 of 415 tests failed"))
    assert "Timed out after 60 min: no test learns" in text_of(RedFacts(remark="timed out after 60 min"))
