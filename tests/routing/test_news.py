"""The keys of pieces of news: events that share one, and events that do not."""

from dataclasses import replace

from service.model import Job
from service.routing.news import MAX_KEY_BYTES, news_key
from tests.support import example_events

FAILED = replace(example_events.FAILED, workflow=replace(example_events.FAILED.workflow, id="a-workflow"))
OF_JOB = replace(FAILED, job=Job(id="a-job", name="build", number=7))


def test_every_event_of_a_canceled_workflow_has_the_key_of_the_first() -> None:
    last = replace(FAILED, source_event_id="another", duration_ms=9)

    assert news_key(last) == news_key(FAILED)


def test_another_status_or_workflow_or_job_is_other_news() -> None:
    workflow = replace(FAILED.workflow, id="another-workflow")
    others = [replace(FAILED, status="success"), replace(FAILED, workflow=workflow), OF_JOB]

    assert len({news_key(event) for event in [FAILED, *others]}) == 4


def test_an_event_without_the_id_of_its_workflow_is_news_of_its_own() -> None:
    nameless = replace(FAILED, workflow=replace(FAILED.workflow, id=None))

    assert news_key(nameless) != news_key(replace(nameless, source_event_id="another"))


def test_an_event_without_the_id_of_its_job_is_news_of_its_own() -> None:
    nameless = replace(OF_JOB, job=Job(name="build"))

    assert news_key(nameless) != news_key(replace(nameless, source_event_id="another"))


def test_two_events_of_one_job_are_one_piece_of_news() -> None:
    assert news_key(OF_JOB) == news_key(replace(OF_JOB, source_event_id="another")) == "job:a-job:failed"


def test_a_key_is_kept_as_it_is_up_to_its_limit() -> None:
    def key(excess: int) -> str:
        return news_key(replace(OF_JOB, status="x" * (2_600 + excess - len("job:a-job:"))))

    assert key(0).startswith("job:a-job:x")
    assert key(1).startswith("sha256:")


def test_a_key_fits_into_an_index_and_a_longer_one_stays_apart() -> None:
    keys = [news_key(replace(OF_JOB, status=end * 4_000)) for end in ("𠀀", "𠀁")]

    assert [len(key.encode()) <= MAX_KEY_BYTES for key in keys] == [True, True]
    assert keys[0] != keys[1]
