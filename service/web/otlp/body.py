"""Decode the body of an export: encoding, compression, spans."""

import gzip
import re
import zlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO

from service.circleci.otlp import json_form, protobuf
from service.circleci.otlp.answers import Encoding
from service.circleci.otlp.attributes import READ, NotOurs, to_span
from service.circleci.otlp.raw_span import Found, SpanLimits, malformed
from service.errors import BadRequest
from service.model import Span

READERS = {Encoding.PROTOBUF: protobuf.read_request, Encoding.JSON: json_form.read_request}
MAX_REASONS = 3  # in the answer
VERBS = re.compile(r"\b(?:are|have)\b")


@dataclass(frozen=True, kw_only=True)
class Export:
    """The spans of one request.

    rejected   the number of spans that are not kept, by the reason
    """

    spans: Sequence[Span]
    rejected: Mapping[str, int]

    @property
    def message(self) -> str:
        """Return the reasons why spans are not kept, for the sender; "" if all are."""
        told = Counter(self.rejected).most_common(MAX_REASONS)
        return "; ".join(_counted(count, reason) for reason, count in told)


def decode(body: bytes, encoding: Encoding, *, is_gzip: bool, limits: SpanLimits, now: datetime) -> Export:
    """Return the spans in a body. Raises BadRequest. Blocks: run it in a thread."""
    found = READERS[encoding](inflate(body, limits.body_bytes) if is_gzip else body, READ, limits)
    kept: list[Span] = []
    rejected = _unread(found, limits)
    for raw in found.spans:
        try:
            kept.append(to_span(raw, now))
        except NotOurs as error:
            rejected[str(error)] += 1
    return Export(spans=kept, rejected=+rejected)


def _counted(count: int, reason: str) -> str:
    """Return a reason with the number of its spans: it is written for many."""
    if count != 1:
        return f"{count} spans {reason}"
    return f"1 span {VERBS.sub(lambda found: 'is' if found[0] == 'are' else 'has', reason)}"


def _unread(found: Found, limits: SpanLimits) -> Counter[str]:
    surplus = f"are beyond the {limits.spans} of one request"
    return Counter({"are malformed, or have no trace id and span id": found.malformed, surplus: found.surplus})


def inflate(body: bytes, limit: int) -> bytes:
    """Return what gzip compressed. Raises BadRequest, also beyond the limit.

    No more than the limit is ever inflated.
    """
    try:
        with gzip.GzipFile(fileobj=BytesIO(body)) as file:
            inflated = file.read(limit + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise malformed("it is not gzip") from error
    if len(inflated) > limit:
        raise BadRequest(f"the body is larger than {limit} bytes once it is inflated", status=413)
    return inflated
