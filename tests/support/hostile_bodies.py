"""Hostile bodies: signed, and meant to break whatever reads, keeps, judges, lists or shows them."""

import json
import random
from collections.abc import Iterator, MutableMapping, MutableSequence
from copy import deepcopy
from typing import Any

from service.testing.fake_circleci.payloads import job_completed, ping, workflow_completed
from tests.support.app_fixture import RED

TEXTS = (
    "\ud83d",
    "\udc00\ud800",
    "a\x00b",
    "\x00",
    "".join(map(chr, range(32))),
    "".join(map(chr, range(0x7F, 0xA0))),
    "\u202eabc\u202c\u2066\u200f",
    "\u2028\u2029\u0085\ufeff",
    "😀" * 500,
    "".join(chr(0x20000 + n * 7) for n in range(600)),
    "x" * 20_000,
    "<script>alert(1)</script><img src=x onerror=alert(1)>",
    "{{ 7 * 7 }}{% for x in y %}%s%(a)s${HOME}",
    "@all <@U1> <!channel> [a](javascript:alert(1))",
    "a/../b",
    "a/b%2Fc%00",
    "..",
    "%",
    "'; DROP TABLE events; --",
    "\x1b[31m\x1b]0;title\x07",
    "İßǅ" * 200,
    "nan",
    "1e999",
    "9" * 5000,
    "",
    "   ",
)
NAMES = {"name", "slug", "branch", "login", "subject"}
TIMES = (
    *("0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59"),
    *("1970-01-01T00:00:00Z", "2100-01-01T00:00:00Z", "2026-02-30T00:00:00Z", "2026-W01-1", "20260302", "10000-01-01"),
    *("0001-01-01 00:00:00.000000000 +0000 UTC", "9999-99-99 99:99:99 +9999 X", "2026-03-02T09:30:00.1234567890123Z"),
)
NUMBERS = (0, -1, 2**31, 2**63, -(2**63), 2**64, 10**300, 0.1, -0.0, 1e308, float("inf"), float("-inf"), float("nan"))
OTHERS: tuple[Any, ...] = (None, True, False, [], {}, [[]], [None], {"": ""}, [{"a": [1]}], ["x", 1, None])
RAW = (
    *(b"", b"null", b"[]", b"{", b"\xff\xfe", b"\xef\xbb\xbf{}", b"[" * 5_000, b'{"a":' * 2_000, b"1" * 5_000),
    *(b'{"type": "ping", "type": 1, "id": "a", "id": "b"}', b'{"type": "ping", "id": "\\ud83d"}'),
    *(b'{"type": "\\ud83d"}', b'"\\ud83d"', b'["\\ud83d"', b'{"\\udfff": "\\u0000"}', b'{"type": "a\\u0000b"}'),
    *(b'{"type": "ping", "a": 1e999, "b": NaN, "c": -Infinity}', b'{"type": "ping\xff\xc0\x80\xed\xa0\x80"}'),
    *(b"[" * 250 + b"1," * 40_000, '{"type":"ping","id":"é"}'.encode("utf-16"), b"\x00" * 100, b"\xff" * 70_000),
)


def bodies(count: int, *, seed: int) -> Iterator[bytes]:
    """Yield so many bodies, no two of them alike; the raw ones first."""
    chance = random.Random(seed)
    yield from RAW[:count]
    for number in range(max(0, count - len(RAW))):
        yield _body(chance, number)


def _body(chance: random.Random, number: int) -> bytes:
    base = chance.choice([workflow_completed(RED), job_completed(RED, RED.jobs[0]), ping(RED.project, RED.stopped_at)])
    payload = deepcopy(base)
    payload["id"] = chance.choice([f"hostile {number}", f"{number}{chance.choice(TEXTS)}"])
    payload["number"] = number
    for _ in range(chance.choice([1, 1, 2, 5, 20])):
        _spoil(payload, chance)
    body = json.dumps(payload, ensure_ascii=chance.random() < 0.7).encode("utf-8", "surrogatepass")
    return (b"\xef\xbb\xbf" if chance.random() < 0.03 else b"") + body


def _spoil(payload: dict[str, Any], chance: random.Random) -> None:
    """Replace a leaf or a branch, or add a key."""
    where: Any = payload
    while True:
        keys = list(where) if isinstance(where, MutableMapping) else list(range(len(where)))
        if not keys:
            return
        key = chance.choice(keys)
        if not isinstance(where[key], MutableMapping | MutableSequence) or chance.random() < 0.05:
            break
        where = where[key]
    if chance.random() < 0.1 and isinstance(where, MutableMapping):
        key = chance.choice(TEXTS)
    if where is payload and key == "type" and chance.random() < 0.7:
        return  # most are to be understood
    where[key] = value(chance)


def value(chance: random.Random) -> Any:
    """Return something that is not meant to stand where it will."""
    kind = chance.choice([TEXTS, TEXTS, TEXTS, TIMES, NUMBERS, OTHERS])
    return deepcopy(chance.choice(kind))  # it may be spoiled in its turn


def with_longest_names(payload: dict[str, Any]) -> dict[str, Any]:
    """Return the payload with each of its names as long as can be, of letters of four bytes, and unlike the others."""
    turn = iter(range(1_000))

    def longest(key: str, value: object) -> object:
        match value:
            case dict():
                return {name: longest(name, item) for name, item in value.items()}
            case str() if key in NAMES:
                own = next(turn)
                return "".join(chr(0x20000 + number * 7 + own) for number in range(600))
        return value

    return {name: longest(name, item) for name, item in payload.items()}
