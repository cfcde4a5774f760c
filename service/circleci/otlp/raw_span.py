"""Spans as a request has them, and the limits of one request."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from service.errors import BadRequest

Value = str | int | float | bool

MAX_ATTRIBUTES = 200  # of one span, or of one resource; CircleCI documents about 50
MAX_NAME_CHARACTERS = 300


@dataclass(frozen=True, kw_only=True)
class RawSpan:
    """One span, its attributes over those of its resource.

    begin_ns, end_ns   nanoseconds since 1970; 0: not set
    """

    trace_id: bytes
    span_id: bytes
    name: str
    begin_ns: int
    end_ns: int
    attributes: Mapping[str, Value]


@dataclass(frozen=True, kw_only=True)
class SpanLimits:
    """The limits of one request.

    body_bytes   as it arrives, and again once it is inflated
    spans        those beyond are refused, and the answer says so
    fields       of protobuf, at all levels: a body of tiny ones would take seconds
    containers   objects and lists of JSON: each takes much more memory than its two bytes
    """

    body_bytes: int = 8 * 2**20
    spans: int = 10_000
    fields: int = 1_000_000
    containers: int = 500_000


@dataclass(kw_only=True)
class Found:
    """The spans of a request.

    malformed   the number of spans that could not be read
    surplus     the number of spans beyond the limit
    """

    limit: int
    spans: list[RawSpan] = field(default_factory=list)
    malformed: int = 0
    surplus: int = 0

    def has_room(self) -> bool:
        """Return True if one more span may be read; else count it."""
        if len(self.spans) + self.malformed < self.limit:
            return True
        self.surplus += 1
        return False

    def add(self, span: RawSpan) -> None:
        """Add a span, unless its ids are none."""
        ids = (span.trace_id, 16), (span.span_id, 8)
        if all(len(one) == length and any(one) for one, length in ids):
            self.spans.append(span)
        else:
            self.malformed += 1


def malformed(reason: str) -> BadRequest:
    """Return the error of a body that is not what its content type says."""
    return BadRequest(f"the body cannot be decoded: {reason}")
