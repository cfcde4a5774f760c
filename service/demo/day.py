"""The demo's script as data: the acts of a small organization's day."""

from datetime import date, timedelta
from importlib import resources
from string import Template

from service.demo.deeds import take_incident
from service.demo.play import Act
from service.testing import day_runs, sample_runs
from service.testing.fake_circleci.faults import Fault, broken
from service.testing.fake_circleci.organization import WEB, JobRun, Run, stable_id
from service.testing.fake_circleci.payloads import Payload, cancellation_storm, job_completed, ping, workflow_completed
from service.testing.fake_circleci.sender import Post, Signing
from service.testing.sample_runs import clock

DIGEST_AT = "23:55"  # as in the demo's roundsman.yaml
CLOSED_CHANNELS = ("old-pager",)  # the messages to these become the day's dead letters


def acts_of_the_day(on: date) -> tuple[Act, ...]:
    """Return every act of the day, in order: 67 posts in half a minute."""
    return *_morning(on), *_before_noon(on), *_midday(on), *_afternoon(on), *_evening(on)


def roundsman_yaml(inbox: str) -> str:
    """Return the demo's roundsman.yaml, for an inbox at ``host:port``."""
    return Template(resources.files(__package__).joinpath("roundsman.yaml").read_text()).substitute(INBOX=inbox)


def _morning(on: date) -> tuple[Act, ...]:
    red = sample_runs.web_main_red(on)
    lint, tests, *_ = red.jobs
    before = day_runs.days_before(on)
    return (
        Act(
            at=clock(on, "08:00"),
            line="Roundsman has kept the green runs of the last three days: no message is needed",
            runs=before,
            posts=_posts(*map(workflow_completed, before)),
        ),
        Act(
            at=clock(on, "08:30"),
            line="a person tests the hook from CircleCI's page: a ping, kept, and no message",
            posts=(Post.of(ping(WEB, clock(on, "08:30"))),),
        ),
        _ended("shop-api main is green: no message is needed", sample_runs.api_main(on)),
        _ended("mobile main is green too; this project uses the GitHub App", sample_runs.mobile_main(on)),
        _ended(
            "BROKE: web main goes red, 3 tests fail. The workflow's webhook overtakes its last job's",
            red,
            posts=_posts(job_completed(red, lint), workflow_completed(red), job_completed(red, tests)),
            lasts_s=1.6,
        ),
        Act(
            at=clock(on, "09:20"),
            line="TAKEN: Linh takes it, so that others need not look: it is on record, and reminders would end",
            deed=take_incident(project="acme/web", by="Linh Example", note="the vouchers, I am on it"),
        ),
    )


def _before_noon(on: date) -> tuple[Act, ...]:
    canceled = day_runs.mobile_canceled(on)
    return (
        _ended("STILL RED: the next commit on web main. It is known: no message", day_runs.web_main_still_red(on)),
        _ended("web feature/checkout-redesign is red: silence, with its reason", day_runs.web_feature_red(on)),
        _ended("FIXED: web main is green again. Those who were told hear of it", day_runs.web_main_fixed(on)),
        _ended(
            "shop-api main goes red: 1 test fails. The old pager's address is gone for good: a dead letter",
            sample_runs.api_flaky(on),
        ),
        _ended("shop-api main, the same pipeline rerun: green. A flaky test", sample_runs.api_rerun(on)),
        _ended(
            "STORM: 12 jobs of mobile are canceled by hand, and CircleCI says so 13 times: one grey run",
            canceled,
            posts=_posts(*cancellation_storm(canceled)),
        ),
        _ended("shop-api feature/refunds is red; its test results come late", day_runs.api_late_results(on)),
    )


def _midday(on: date) -> tuple[Act, ...]:
    trouble, over = day_runs.trouble(on), day_runs.trouble_over(on)
    return (
        Act(
            at=max(run.stopped_at for run in trouble),
            line="STORM: a package registry is away, and six workflows of three projects go red in a minute",
            runs=trouble,
            posts=_posts(*map(workflow_completed, trouble)),
            lasts_s=1.6,
        ),
        Act(
            at=max(run.stopped_at for run in over),
            line="it is back: all six are rerun, and green",
            runs=over,
            posts=_posts(*map(workflow_completed, over)),
            lasts_s=1.6,
        ),
        _ended(
            "web main is red while CircleCI's API answers 503 for a moment: Roundsman asks again before it tells",
            day_runs.web_red_during_outage(on),
            faults=(("/workflow/*", broken(503)), ("/project/*", broken(503))),
        ),
    )


def _afternoon(on: date) -> tuple[Act, ...]:
    known = workflow_completed(sample_runs.web_main_red(on))
    return (
        Act(at=clock(on, "13:30"), line="CircleCI posts this morning's red again: a duplicate", posts=_posts(known)),
        Act(
            at=clock(on, "14:00"),
            line="strangers post, one with a wrong secret and one with none: turned away, nothing kept",
            posts=(Post.of(_invented(on), signing=Signing.WRONG), Post.of(_invented(on), signing=Signing.NONE)),
        ),
        Act(
            at=clock(on, "14:10"),
            line="CircleCI posts a new kind of event, not understood yet: kept, for a person to look at",
            posts=_posts({"type": "pipeline-paused", "id": stable_id("event", "paused", on), "reason": "plan"}),
        ),
        _ended("mobile main is red, and its commit message would like to be markup", day_runs.mobile_hostile(on)),
        _ended("shop-api: the upgrade robot is red again; its branches are excluded", day_runs.api_upgrade(on)),
    )


def _evening(on: date) -> tuple[Act, ...]:
    return (
        _ended("web releases v2.5.0: the webhook does not say the tag, so Roundsman asks", day_runs.web_release(on)),
        _ended("FLAKY: the test of this morning fails again, and the message says so", day_runs.api_flaky_again(on)),
        _ended("a rerun of the same commit turns it green once more", day_runs.api_rerun_again(on)),
        _ended(
            "shop-api: a person without access to the production secrets: unauthorized", day_runs.api_unauthorized(on)
        ),
        Act(
            at=clock(on, "17:22"),
            line="WAITS: web's deploy to production waits for an approval. Approve it yourself on the page Now",
            runs=(day_runs.web_deploy_held(on),),
        ),
        _ended("shop-api nightly could not even start: error", day_runs.api_nightly(on)),
        Act(at=clock(on, DIGEST_AT) + timedelta(seconds=1), line="DIGEST: the day in one message, for the leads"),
    )


def _ended(
    line: str,
    run: Run,
    *,
    posts: tuple[Post, ...] | None = None,
    faults: tuple[tuple[str, Fault], ...] = (),
    lasts_s: float = 0.8,
) -> Act:
    """Return the act of a run's end; it posts the events of the project's hook.

    posts   the webhooks to post instead
    """
    return Act(
        at=run.stopped_at,
        line=line,
        runs=(run,),
        posts=posts or _posts(*_events(run)),
        faults=faults,
        lasts_s=lasts_s,
    )


def _events(run: Run) -> list[Payload]:
    jobs: tuple[JobRun, ...] = run.jobs if "job-completed" in run.project.hook_events else ()
    return [*(job_completed(run, job) for job in jobs if job.number is not None), workflow_completed(run)]


def _posts(*events: Payload) -> tuple[Post, ...]:
    return tuple(Post.of(event) for event in events)


def _invented(on: date) -> Payload:
    return workflow_completed(sample_runs.web_main_fixed(on)) | {"id": stable_id("event", "forged", on)}
