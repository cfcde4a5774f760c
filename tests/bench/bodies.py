"""Signed webhooks of workflows that ended, made quickly: each has ids of its own, and one in some is red."""

import hmac
from dataclasses import dataclass, replace
from datetime import date
from functools import cache
from hashlib import sha256
from pathlib import Path

from service.testing.fake_circleci.organization import Run
from service.testing.fake_circleci.payloads import as_bytes, workflow_completed
from service.testing.sample_runs import web_main_fixed, web_main_red

RUNS_OF_A_SERIES = 1_000_000
NUMBER = 987_654_321
HOOK = "/hooks/circleci"
SECRET = "an-invented-secret"
MONDAY = date(2026, 3, 2)


@dataclass(frozen=True, kw_only=True)
class Mix:
    """The kinds of events among the webhooks.

    red_in     one in so many is red; 1 is all, 0 is none
    branches   over which they are spread in turn
    """

    red_in: int = 10
    branches: int = 1


def body(number: int, mix: Mix | None = None) -> bytes:
    """Return the end of a workflow; equal numbers are equal webhooks."""
    mix = mix or Mix()
    template = _template(is_red=bool(mix.red_in) and number % mix.red_in == 0)
    written = template.body.replace(b"%d" % NUMBER, b"%d" % (number + 1))
    written = written.replace(template.revision, sha256(b"%d" % number).hexdigest()[:40].encode())
    for nth, old in enumerate(template.ids):
        written = written.replace(old, b"%08x-%04x-4000-8000-%012x" % (number, nth, number))
    if mix.branches > 1:
        written = written.replace(b'"branch":"main"', b'"branch":"team-%d"' % (number % mix.branches))
    return written


def numbers(series: int, count: int) -> range:
    """Return the numbers of webhooks that no other series has."""
    return range(series * RUNS_OF_A_SERIES, series * RUNS_OF_A_SERIES + count)


def signature(body: bytes) -> str:
    """Return CircleCI's signature of a body."""
    return "v1=" + hmac.new(SECRET.encode(), body, sha256).hexdigest()


def request(body: bytes) -> bytes:
    """Return a whole request, signed."""
    head = f"POST {HOOK} HTTP/1.1\r\nhost: bench\r\ncontent-type: application/json\r\n"
    return f"{head}circleci-signature: {signature(body)}\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body


def write_requests(file: Path, series: int, count: int) -> None:
    """Write requests into a file, each after a line with its length."""
    with file.open("wb") as written:
        for number in numbers(series, count):
            one = request(body(number))
            written.write(b"%d\n%b" % (len(one), one))


def read_requests(file: Path) -> list[bytes]:
    """Return the requests of a file."""
    left, found = memoryview(file.read_bytes()), []
    while left:
        head = bytes(left[:12]).partition(b"\n")[0]
        start, end = len(head) + 1, len(head) + 1 + int(head)
        found.append(bytes(left[start:end]))
        left = left[end:]
    return found


@dataclass(frozen=True, kw_only=True)
class _Template:
    """A body, and the parts of it that differ from run to run."""

    body: bytes
    revision: bytes
    ids: tuple[bytes, ...]


@cache
def _template(*, is_red: bool) -> _Template:
    run: Run = replace((web_main_red if is_red else web_main_fixed)(MONDAY), number=NUMBER)
    payload = workflow_completed(run)
    ids = (payload["id"], run.workflow_id, run.pipeline_id)
    return _Template(body=as_bytes(payload), revision=run.revision.encode(), ids=tuple(one.encode() for one in ids))
