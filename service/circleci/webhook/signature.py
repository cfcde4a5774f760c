"""The signature of a post, which proves that CircleCI sent it."""

import hmac
import re
from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha256

from service.errors import BadSignature, UnknownSecret, Unsigned
from service.model import SignatureMatch

HEADER = b"circleci-signature"
NEXT_STEP = "give the webhook at CircleCI a secret that is in ROUNDSMAN_WEBHOOK_SECRETS"
NEXT_STEP_MALFORMED = "see that no proxy changes the header; a post that is not CircleCI's can be ignored"


def verify(headers: Sequence[tuple[bytes, bytes]], body: bytes, secrets: Sequence[str]) -> SignatureMatch:
    """Return the secret that signed the body; raise BadSignature if none did.

    headers  as ASGI gives them; ``circleci-signature`` is ``v1=<64 hex digits>,v2=...``, and only v1 exists
    body     the bytes as received: re-encoded JSON would not verify
    secrets  newest first; more than one while a secret is being rotated

    Source: CircleCI docs, "Validate outbound webhooks".
    """
    claimed = read_v1_signature(headers)
    # Every secret is tried, so that the time taken does not tell which one fits. An empty one would let any sender in.
    fits = [secret != "" and hmac.compare_digest(sign(secret, body), claimed) for secret in secrets]
    if True not in fits:
        raise UnknownSecret("the post is signed, but by none of the secrets we know", next_step=NEXT_STEP)
    index = fits.index(True)
    return SignatureMatch(index=index, fingerprint=fingerprint_of(secrets[index]))


def fingerprint_of(secret: str) -> str:
    """Return the fingerprint of a secret: it tells secrets apart, and shows none."""
    return sha256(b"roundsman" + secret_bytes(secret)).hexdigest()[:12]


def fingerprints_of(secrets: Iterable[str]) -> tuple[str, ...]:
    """Return the fingerprints of some secrets, in their order."""
    return tuple(map(fingerprint_of, secrets))


def read_v1_signature(headers: Sequence[tuple[bytes, bytes]]) -> bytes:
    """Return the v1 signature in the headers; raise BadSignature unless there is one.

    It is in bytes, because comparing non-ASCII text raises TypeError.
    """
    lines = [value for name, value in headers if name.lower() == HEADER]
    if not lines:
        raise Unsigned("the post is not signed, it has no circleci-signature header", next_step=NEXT_STEP)

    claims = list(v1_signatures(lines))
    if not claims:
        raise _malformed("the circleci-signature header holds no v1 signature, the only kind that we know")
    if len(claims) > 1:
        raise _malformed("the circleci-signature header holds more than one v1 signature")
    if not re.fullmatch(b"[0-9a-f]{64}", claims[0]):
        raise _malformed("the v1 signature is not made of 64 lower-case hex digits")
    return claims[0]


def _malformed(reason: str) -> BadSignature:
    return BadSignature(reason, next_step=NEXT_STEP_MALFORMED)


def v1_signatures(lines: Sequence[bytes]) -> Iterator[bytes]:
    """Yield the value of each ``v1=`` part; parts that are not pairs are ignored."""
    for part in b",".join(lines).split(b","):
        version, equals, signature = part.partition(b"=")
        if equals and version.strip() == b"v1":
            yield signature.strip()


def sign(secret: str, body: bytes) -> bytes:
    """Return the v1 signature that CircleCI makes with this secret."""
    return hmac.new(secret_bytes(secret), body, sha256).hexdigest().encode()


def secret_bytes(secret: str) -> bytes:
    """Return the bytes of a secret.

    Bytes outside UTF-8 come from the environment as lone surrogates, and become those bytes again.
    """
    return secret.encode("utf-8", "surrogateescape")
