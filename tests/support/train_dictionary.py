"""Train a dictionary for the compression of bodies: ``python -m tests.support.train_dictionary FILE``.

The samples are webhooks of the pretend CircleCI, with every name, id and time replaced by another at random, so that
the dictionary holds the shape of a webhook and nothing of ours. A new dictionary gets a new id, the name of its file:
those that have shipped are never changed.
"""

import json
import random
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import zstandard

from service.testing import sample_runs
from service.testing.fake_circleci.organization import ORG, ORG_ID, Person, Project, Run, base58
from service.testing.fake_circleci.payloads import as_bytes, job_completed, ping, workflow_completed

SIZE = 8_192  # a larger one saves little: ids and texts are in no dictionary
SAMPLES = 6_000
SEED = 13
DAY = datetime(2026, 3, 2, tzinfo=UTC).date()
MAKERS: tuple[Callable[..., Run], ...] = (
    sample_runs.api_main,
    sample_runs.mobile_main,
    sample_runs.web_main_red,
    sample_runs.web_feature_red,
    sample_runs.mobile_canceled,
    sample_runs.web_release,
    sample_runs.api_nightly,
)
TEXT = """
add bump change checkout cache client docs drop fix for from guard handle index invoice keep load make merge move order
page parse pin price query read remove rename report retry search send server session show skip sort split stock store
sync test the timeout to update use user voucher when with
"""
WORDS = TEXT.split()
UUIDS = re.compile(rb"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
BRANCHES = ("main", "main", "master", "develop", "feature/{}-{}", "fix/{}-{}", "release/{}", "renovate/{}-{}", "{}")


def samples(count: int, seed: int) -> Iterator[bytes]:
    """Yield the bodies of webhooks of an organization that is another for each."""
    chance = random.Random(seed)
    for number in range(count):
        run = _another_run(chance, number)
        payload = workflow_completed(run)
        if run.jobs and chance.random() < 0.5:
            payload = job_completed(run, replace(chance.choice(run.jobs), number=chance.randrange(1, 90_000)))
        elif chance.random() < 0.01:
            payload = ping(run.project, run.pushed_at)
        yield _with_other_ids(as_bytes(payload), chance)


def _another_run(chance: random.Random, number: int) -> Run:
    run = chance.choice(MAKERS)(DAY + timedelta(days=chance.randrange(2_000)))
    name, surname = (chance.choice(WORDS).title() for _ in range(2))
    return replace(
        run,
        project=Project(name="-".join(chance.sample(WORDS, chance.randrange(1, 3))), is_app=chance.random() < 0.3),
        number=number * 7 + chance.randrange(7),
        author=Person(login=f"{name}{surname}".lower()[: chance.randrange(4, 12)], name=f"{name} {surname}"),
        branch=run.branch and chance.choice(BRANCHES).format(*chance.sample(WORDS, 2)),
        subject=" ".join(chance.sample(WORDS, chance.randrange(2, 9))).capitalize(),
        pushed_at=run.pushed_at + timedelta(milliseconds=chance.randrange(86_400_000)),
    )


def _with_other_ids(body: bytes, chance: random.Random) -> bytes:
    """Replace organization, ids and addresses of our own, each by one of the same shape."""
    ids: dict[bytes, bytes] = {}

    def other(found: re.Match[bytes]) -> bytes:
        return ids.setdefault(found[0], str(UUID(int=chance.getrandbits(128), version=4)).encode())

    org = "-".join(chance.sample(WORDS, 2))
    body = body.replace(base58(ORG_ID).encode(), base58(str(UUID(int=chance.getrandbits(128)))).encode())
    body = (
        UUIDS.sub(other, body).replace(ORG.encode(), org.encode()).replace(b"@example.com", f"@{org}.example".encode())
    )
    revision = json.dumps(f"{chance.getrandbits(160):040x}").encode()
    return re.sub(rb'"[0-9a-f]{40}"', revision, body).replace(b"Roundsman", chance.choice(WORDS).encode())


def train(dictionary_id: int) -> bytes:
    """Return a dictionary."""
    some: list[bytes | bytearray | memoryview[int]] = list(samples(SAMPLES, SEED))
    made = zstandard.train_dictionary(SIZE, some, dict_id=dictionary_id, level=3, steps=8, threads=1)
    return made.as_bytes()


if __name__ == "__main__":
    target = Path(sys.argv[1])
    target.write_bytes(train(int(target.stem)))
