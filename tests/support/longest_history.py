"""The longest and the most hostile history that a page may have to show."""

from dataclasses import dataclass
from uuid import uuid4

from service.db.database import Store
from service.model import (
    Actor,
    Commit,
    DeliveryState,
    DetailKind,
    Details,
    Event,
    EventKind,
    Job,
    JobReport,
    MissingDetail,
    Notification,
    NotificationState,
    Pipeline,
    Project,
    Refusal,
    TestFailure,
    TestReport,
    Verdict,
    Via,
    Workflow,
)
from service.operations import operator_actions
from service.store.deliveries import deliveries, refusals
from service.store.notifications import notifications
from service.text import clean
from tests.support.app_fixture import NINE
from tests.support.hostile_bodies import TEXTS
from tests.support.pages_fixture import Instance

UNBROKEN = "Extraordinarily" * 40
SPACED = "an extraordinarily long sentence of many words " * 20
HOSTILE = clean(
    "<script>document.title='ran'</script>\"><img src=x onerror=document.title='ran'>'"
    "<svg onload=document.title='ran'><iframe srcdoc='<script>top.document.title=1</script>'></iframe>"
    "<style>*{display:none}</style><base href=//evil.example.com>{{ 7 * 7 }}{% raw %}</textarea></pre></title>"
    "javascript:document.title='ran' \u202eabc\u2066\u2028\u0085\x1b[31m"
)
WIDE = "部署流水線" * 60 + "🧑‍🚀" * 30
URL = "https://app.example.com/" + "a" * 460
SCRIPT_URL = "javascript:document.title='ran'"
LONG = (UNBROKEN, SPACED, HOSTILE, WIDE)
UNJUDGED = (DeliveryState.KEPT, DeliveryState.DEAD, DeliveryState.DISMISSED)
MORE = 50  # builds: as many as are on a page, so that a list has older ones


@dataclass(frozen=True, kw_only=True)
class Longest:
    """The ids of what was put in: events, the longest first, and deliveries that are no event."""

    events: tuple[str, ...]
    deliveries: tuple[str, ...]


async def fill(instance: Instance) -> Longest:
    """Put in a build for each kind of text, one that has everything, one that has nothing, a job, and a ping."""
    events = [await _crowded(instance), await _bare(instance), await instance.build(kind=EventKind.PING)]
    events += [await _build(instance, text, is_job=False) for text in LONG]
    events += [await _build(instance, text, is_job=True) for text in (*LONG, *map(clean, TEXTS)) if text.strip()]
    others = [await _unread(instance, text, state) for text in LONG for state in UNJUDGED]
    for _ in range(MORE):
        await instance.build()
    return Longest(events=tuple(str(event.id) for event in events), deliveries=tuple(others))


async def refuse(store: Store) -> None:
    """Put as many refusals on record as are kept, with the longest words."""
    for n, text in enumerate((*LONG, *map(clean, TEXTS), "short") * 2):
        refusal = Refusal(
            at=NINE,
            status=401,
            reason=text,
            next_step=text,
            address="2001:db8:1111:2222:3333:4444:5555:6666",
            user_agent=text,
            hook_id=text[:64],
            count=n * 2**20 + 1,
        )
        await store.write(refusals.keep, refusal)


async def _build(instance: Instance, text: str, *, is_job: bool) -> Event:
    event = await instance.build(
        org=text,
        project=Project(id="p1", slug=f"gh/{text}/{text}", name=text),
        pipeline=Pipeline(id="pl1", number=2**62),
        workflow=Workflow(id=str(uuid4()), name=text, status=text, url=URL if text != HOSTILE else SCRIPT_URL),
        job=Job(id=str(uuid4()), name=text, number=2**62, status=text) if is_job else None,
        kind=EventKind.JOB_COMPLETED if is_job else EventKind.WORKFLOW_COMPLETED,
        status=text,
        branch=text,
        revision=text,
        commit=Commit(subject=text, author_name=text, author_email=text, url=URL if text != HOSTILE else SCRIPT_URL),
        actor=Actor(id="u1", login=text, name=text),
        trigger=text,
        duration_ms=2**53,
    )
    await instance.judge(event, *((verdict, text) for verdict in Verdict))
    await instance.judge(event, (Verdict.ALREADY_TOLD, text), judged=2)
    await instance.learn(event, _details(text, jobs=2, failures=12))
    sent = await instance.owe(event, f"sent {text}")
    await instance.send(sent, title=text)
    await instance.ask_again(sent)
    await instance.put_off(sent, text)
    await instance.give_up(await instance.owe(event, f"dead {text}"), text)
    await instance.owe(event, f"owed {text}")
    await _dismissed(instance, await instance.owe(event, f"dismissed {text}"), text)
    return event


async def _dismissed(instance: Instance, notification: Notification, text: str) -> None:
    await instance.give_up(notification, text)
    await operator_actions.dismiss_notification(
        instance.store, notification.id, who=text, at=instance.now, because=text[: operator_actions.MAX_REASON]
    )
    found = await instance.store.read(notifications.find, notification.id)
    assert found.state is NotificationState.DISMISSED


def _details(text: str, *, jobs: int, failures: int) -> Details:
    tests = TestReport(
        failures=tuple(
            TestFailure(name=f"{text} {n}", class_name=text, file=text, message=f"{text}\n{text}")
            for n in range(failures)
        ),
        counts={"success": 2**40, "failure": failures, text[:40]: 1},
        is_complete=False,
    )
    reports = [
        JobReport(
            name=f"{n} {text}",
            status="failed" if n % 5 == 0 else "success",
            number=n,
            url=URL,
            duration_ms=2**50,
            messages=(text, text),
            tests=tests if n == 0 else None,
        )
        for n in range(jobs)
    ]
    missing = tuple(MissingDetail(want=want, reason=text, is_final=want is DetailKind.ACTOR) for want in DetailKind)
    return Details(wanted=frozenset(DetailKind), jobs=tuple(reports), missing=missing, rounds=3)


async def _crowded(instance: Instance) -> Event:
    """A build of 60 jobs, 200 failing tests, 40 routes and 12 channels."""
    event = await instance.build(workflow=Workflow(id="crowded", name="build-and-test", status="failed"))
    await instance.judge(event, *((Verdict.NOT_MATCHED, f"branch main is not release/{n}") for n in range(40)))
    await instance.learn(event, _details("tests/unit/checkout/test_vouchers.py::test_a_voucher", jobs=60, failures=200))
    for n in range(12):
        await instance.send(await instance.owe(event, f"team-{n} (slack)"))
    return event


async def _bare(instance: Instance) -> Event:
    """A build of which nothing is known."""
    unknown = {"commit": Commit(), "actor": Actor(), "revision": None, "branch": None, "trigger": None}
    return await instance.build(
        **unknown, project=Project(), workflow=Workflow(), pipeline=Pipeline(), status=None, duration_ms=None
    )


async def _unread(instance: Instance, text: str, state: DeliveryState) -> str:
    """A delivery that is no event."""
    came = await instance.deliver(
        source_event_id=f"{state} {text}"[:200],
        via=Via.RECONCILE if state is DeliveryState.KEPT else Via.WEBHOOK,
        state=DeliveryState.DEAD if state is DeliveryState.DISMISSED else state,
        reason=text,
        headers=(("x-long", text), (f"x-{text}"[:200], "short")),
        body=('{"type": "new", "text": "' + text + '", "' + text + '": [1, 2, {"a": null}]}').encode(
            "utf-8", "replace"
        ),
    )
    await instance.store.write(deliveries.count_failure, came.id, text)
    if state is DeliveryState.DISMISSED:
        because = text[: operator_actions.MAX_REASON]
        await operator_actions.dismiss_delivery(instance.store, came.id, who=text, at=instance.now, because=because)
    return str(came.id)
