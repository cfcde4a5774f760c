"""Fingerprints: which failures are equal."""

from datetime import datetime
from ipaddress import IPv4Address
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.routing.fingerprint import KEPT_BYTES, fingerprint, normalize

FORMS = {
    "time": ("at 2026-11-29T10:11:12.345Z it failed", "at 2026-11-30 22:01:02+01:00 it failed"),
    "clock": ("[10:11:12] failed", "[23:59:01.123] failed"),
    "clock with AM": ("at 9:05 AM failed", "at 11:55 PM failed"),
    "date": ("on 2026-11-29 failed", "on 2025/01/02 failed"),
    "date in words": ("on Sun, 29 Nov 2026 failed", "on 1 January 2027 failed"),
    "duration": ("failed after 1.23s", "failed after 350 ms"),
    "duration of parts": ("failed after 1m 20s", "failed after 2h 1m 3s"),
    "duration in words": ("failed after 3 seconds", "failed after 12 minutes"),
    "hex": ("commit 0123abcdef failed", "commit fedcba9876543210 failed"),
    "address in memory": ("<Cart object at 0x7f3a1c>", "<Cart object at 0x55d0ffe0a1b2>"),
    "UUID": ("id 123e4567-e89b-12d3-a456-426614174000 failed", "id 00000000-0000-4000-8000-00000000000A failed"),
    "IPv4": ("connect 10.0.0.1:5432 failed", "connect 192.168.13.7 failed"),
    "IPv6": ("connect [::1]:5432 failed", "connect [fe80::1ff:fe23:4567:890a]:80 failed"),
    "port of a name": ("http://db.internal:5432/x failed", "http://cache.internal:40123/x failed"),
    "port in words": ("cannot listen on port 8080", "cannot listen on port 40123"),
    "localhost": ("localhost:8080 refused", "localhost:31337 refused"),
    "pid": ("pid 123 was killed", "PID=4711 was killed"),
    "process": ("process 123 was killed", "process 99999 was killed"),
    "temporary path": ("/tmp/pytest-12/a.txt is missing", "/var/folders/zz/T/tmpx1y2/b.txt is missing"),
    "temporary path on Windows": (r"C:\Users\me\AppData\Local\Temp\x1.txt is missing", r"D:\Temp\other.txt is missing"),
    "line": ("cart.py:12: AssertionError", "cart.py:345: AssertionError"),
    "line and column": ("at add (cart.js:10:5)", "at add (cart.js:312:17)"),
    "line in words": ('File "cart.py", line 12, in add', 'File "cart.py", line 99, in add'),
    "repeated lines": ("retrying\nretrying\nfailed", "retrying\nretrying\nretrying\nretrying\nfailed"),
    "colors": ("\x1b[31mfailed\x1b[0m", "failed"),
    "indentation": ("  assert a\n", "assert   a"),
}
DIFFERENT = {
    "numbers": ("expected 3 but got 4", "expected 3 but got 5"),
    "names": ("AssertionError in add", "AssertionError in remove"),
    "versions": ("needs python 3.11", "needs python 3.12"),
    "statuses": ("HTTP status 500", "HTTP status 404"),
    "short hex": ("color ff00aa", "color ff00ab"),
    "files": ("cart.py:12 failed", "shop.py:12 failed"),
}


@pytest.mark.parametrize("form", FORMS)
def test_failures_that_differ_by_what_each_run_changes_are_equal(form: str) -> None:
    one, other = FORMS[form]

    assert normalize(one) == normalize(other)
    assert fingerprint(one) == fingerprint(other) != fingerprint("another failure")


@pytest.mark.parametrize("kind", DIFFERENT)
def test_failures_that_differ_otherwise_are_not_equal(kind: str) -> None:
    one, other = DIFFERENT[kind]

    assert fingerprint(one) != fingerprint(other)


@pytest.mark.parametrize("text", [None, "", "  \n\t\n", "\x1b[0m"])
def test_no_text_has_no_fingerprint(text: str | None) -> None:
    assert fingerprint(text) is None


def test_a_fingerprint_is_a_sha256() -> None:
    assert len(fingerprint("failed") or "") == 64


@pytest.mark.long
def test_of_a_long_text_the_ends_count() -> None:
    lines = [f"step {word} of many" for word in range(10_000)]
    text = "\n".join(lines)

    assert fingerprint(text) == fingerprint(text.replace("step 5000 ", "step fifty "))
    assert fingerprint(text) != fingerprint("begin\n" + text)
    assert fingerprint(text) != fingerprint(text + "\nend")
    assert len(normalize(text).encode()) <= 2 * KEPT_BYTES + 1


@pytest.mark.long
@pytest.mark.parametrize(
    "piece", ["1", "a", "0x", "::", ":1", "1:", "2026-", "/tmp/", "a\\", "1h ", "\x1b[", "1.", "-", " "]
)
def test_hostile_repetitions_take_no_time(piece: str) -> None:
    normalize(piece * 200_000)


@pytest.mark.long
@settings(max_examples=50, deadline=None)
@given(
    st.datetimes(),
    st.uuids(),
    st.integers(0, 65_535),
    st.integers(0, 10**9),
    st.ip_addresses(v=4),
    st.integers(0, 9999),
)
def test_any_time_id_address_or_line_is_one_token(
    at: datetime, id_: UUID, port: int, number: int, address: IPv4Address, line: int
) -> None:
    text = f"{at.isoformat()} {id_}: {address}:{port} did not answer within {number} ms (cart.py:{line}, pid {number})"

    assert normalize(text) == "<time> <uuid>: <address> did not answer within <duration> (cart.py<line>, <pid>)"


@settings(max_examples=50, deadline=None)
@given(st.text(max_size=300))
def test_any_text_has_a_fingerprint_unless_nothing_is_left_of_it(text: str) -> None:
    assert (fingerprint(text) is None) == (not normalize(text))
