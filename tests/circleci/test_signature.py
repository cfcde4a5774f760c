"""Verifying posts: valid signatures, and the reason for each refusal."""

import hashlib
import hmac
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.circleci.webhook.signature import sign, verify
from service.errors import BadSignature

BODY = b'{"id": "1", "type": "ping"}'
SECRET = "an-obviously-invented-secret"
GOOD = hmac.new(SECRET.encode(), BODY, hashlib.sha256).hexdigest().encode()


def header(value: bytes) -> list[tuple[bytes, bytes]]:
    return [(b"content-type", b"application/json"), (b"circleci-signature", value)]


@pytest.mark.parametrize(
    ("secret", "body", "signature"),
    [
        ("secret", b"hello world", b"734cc62f32841568f45715aeb9f4d7891324e6d948e4c6c60c0621cdac48623a"),
        ("another-secret", b"lalala", b"daa220016c8f29a8b214fbfc3671aeec2145cfb1e6790184ffb38b6d0425fa00"),
        (
            "hunter123",
            b"an-important-request-payload",
            b"9be2242094a9a8c00c64306f382a7f9d691de910b4a266f67bd314ef18ac49fa",
        ),
        ("secret", b"foo", b"773ba44693c7553d6ee20f61ea5d2757a9a4f4a44d2841ae4e95b52e4cd62db4"),
    ],
)
def test_the_published_vectors_verify(secret: str, body: bytes, signature: bytes) -> None:
    """Source: CircleCI docs, "Validate outbound webhooks"."""
    assert verify(header(b"v1=" + signature), body, [secret]).index == 0


@pytest.mark.parametrize(
    "value",
    [
        b"v1=" + GOOD,
        b"v1=" + GOOD + b",v2=whatever",
        b"v2=whatever,v1=" + GOOD,
        b" v1 = " + GOOD + b" , v3=x",
        b"nonsense,,v1=" + GOOD + b",=,v10=" + b"0" * 64,
    ],
)
def test_good_v1_signature_passes_beside_any_other_part(value: bytes) -> None:
    assert verify(header(value), BODY, [SECRET]).index == 0


def test_the_header_name_may_have_any_case() -> None:
    assert verify([(b"CircleCI-Signature", b"v1=" + GOOD)], BODY, [SECRET]).index == 0


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        (b"", "holds no v1 signature"),
        (b"v1", "holds no v1 signature"),
        (GOOD, "holds no v1 signature"),
        (b"V1=" + GOOD, "holds no v1 signature"),
        (b"v2=" + GOOD, "holds no v1 signature"),
        (b"v1=" + GOOD.upper(), "64 lower-case hex digits"),
        (b"v1=" + GOOD[:-1], "64 lower-case hex digits"),
        (b"v1=" + GOOD[:-2] + "\u00e9".encode(), "64 lower-case hex digits"),
        (b"v1=\xff\xfe", "64 lower-case hex digits"),
        (b"v1=" + GOOD + b",v1=" + GOOD, "more than one v1 signature"),
        (b"v1=" + GOOD + b",v1=" + b"0" * 64, "more than one v1 signature"),
        (b"v1=not-a-valid-signature", "64 lower-case hex digits"),
        (b"v1=" + b"0" * 64, "by none of the secrets"),
    ],
)
def test_any_other_header_is_refused_with_its_own_sentence(value: bytes, sentence: str) -> None:
    with pytest.raises(BadSignature, match=sentence) as refused:
        verify(header(value), BODY + b" ", [SECRET])

    assert refused.value.status == 401
    assert SECRET not in str(refused.value)


def test_post_without_the_header_is_refused_with_the_next_step() -> None:
    with pytest.raises(BadSignature, match=r"not signed.*ROUNDSMAN_WEBHOOK_SECRETS"):
        verify([(b"content-type", b"application/json")], BODY, [SECRET])


def test_two_header_lines_with_a_signature_each_are_refused() -> None:
    with pytest.raises(BadSignature, match="more than one"):
        verify([*header(b"v1=" + GOOD), *header(b"v1=" + GOOD)], BODY, [SECRET])


def test_a_body_that_was_encoded_again_does_not_verify() -> None:
    with pytest.raises(BadSignature, match="by none of the secrets"):
        verify(header(b"v1=" + GOOD), json.dumps(json.loads(BODY), separators=(",", ":")).encode(), [SECRET])


@pytest.mark.parametrize("secrets", [[], ["another"], ["another", "a third"]])
def test_a_signature_by_no_secret_of_ours_does_not_verify(secrets: list[str]) -> None:
    with pytest.raises(BadSignature, match="by none of the secrets"):
        verify(header(b"v1=" + GOOD), BODY, secrets)


def test_empty_secret_verifies_no_post() -> None:
    forged = hmac.new(b"", BODY, hashlib.sha256).hexdigest().encode()

    with pytest.raises(BadSignature):
        verify(header(b"v1=" + forged), BODY, ["", SECRET])


def test_while_a_secret_is_rotated_either_is_accepted_and_named_by_its_place() -> None:
    newer = verify(header(b"v1=" + sign("newer", BODY)), BODY, ["newer", SECRET])
    older = verify(header(b"v1=" + GOOD), BODY, ["newer", SECRET])

    assert (newer.index, older.index) == (0, 1)
    assert newer.fingerprint != older.fingerprint


def test_fingerprint_is_the_same_at_any_position_and_hides_the_secret() -> None:
    first = verify(header(b"v1=" + GOOD), BODY, [SECRET])
    second = verify(header(b"v1=" + GOOD), BODY, ["newer", SECRET])

    assert first.fingerprint == second.fingerprint
    assert len(first.fingerprint) == 12
    assert hashlib.sha256(SECRET.encode()).hexdigest()[:12] != first.fingerprint


def test_a_secret_that_was_not_text_in_the_environment_is_used_as_its_bytes() -> None:
    secret = b"caf\xe9".decode("utf-8", "surrogateescape")
    signature = hmac.new(b"caf\xe9", BODY, hashlib.sha256).hexdigest().encode()

    assert verify(header(b"v1=" + signature), BODY, [secret]).index == 0


@given(value=st.binary(max_size=200), body=st.binary(max_size=50))
def test_no_header_escapes_as_anything_but_a_refusal(value: bytes, body: bytes) -> None:
    with pytest.raises(BadSignature):
        verify(header(value), body, [SECRET])


@given(secret=st.text(min_size=1), body=st.binary())
def test_signature_verifies_with_the_secret_that_made_it(secret: str, body: bytes) -> None:
    assert verify(header(b"v1=" + sign(secret, body)), body, [secret]).index == 0
