"""Read the spans of a request in JSON.

Source: OTLP specification 1.x, "JSON Protobuf Encoding": ids are hexadecimal, 64-bit numbers may be texts, and unknown
keys are ignored.
"""

import json
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from service.circleci.otlp.raw_span import (
    MAX_ATTRIBUTES,
    MAX_NAME_CHARACTERS,
    Found,
    RawSpan,
    SpanLimits,
    Value,
    malformed,
)
from service.errors import BadRequest

MAX_DIGITS = 20  # of a 64-bit number, with its sign


def read_request(body: bytes, wanted: Collection[str], limits: SpanLimits) -> Found:
    """Return the spans of an ExportTraceServiceRequest. Raises BadRequest.

    wanted   the names of the attributes to read; others are skipped
    """
    if body.count(b"{") + body.count(b"[") > limits.containers:
        raise BadRequest(f"the body has more than {limits.containers} objects and lists", status=413)
    try:
        request = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise malformed("it is not JSON") from error
    if not isinstance(request, dict):
        raise malformed("it is not a JSON object")
    found = Found(limit=limits.spans)
    for group in _objects(request.get("resourceSpans")):
        resource = group.get("resource")
        of_resource = _attributes(resource.get("attributes"), wanted) if isinstance(resource, dict) else {}
        for scope in _objects(group.get("scopeSpans")):
            _read_spans(scope.get("spans"), of_resource, wanted, found)
    return found


def _objects(given: Any) -> Iterator[dict[str, Any]]:
    """Yield the objects of a list; None is an empty one. Raises BadRequest for others."""
    if given is None:
        return
    if not isinstance(given, list) or not all(isinstance(one, dict) for one in given):
        raise malformed("resourceSpans and scopeSpans are lists of objects")
    yield from given


def _read_spans(given: Any, of_resource: Mapping[str, Value], wanted: Collection[str], found: Found) -> None:
    if given is not None and not isinstance(given, list):
        raise malformed("spans is a list of objects")
    for written in given or ():
        if not found.has_room():
            continue
        span = _span(written, of_resource, wanted) if isinstance(written, dict) else None
        if span is None:
            found.malformed += 1
        else:
            found.add(span)


def _span(written: Mapping[str, Any], of_resource: Mapping[str, Value], wanted: Collection[str]) -> RawSpan | None:
    """Return a span; None if its keys have values of a wrong type."""
    name, times = written.get("name", ""), [written.get(key, 0) for key in ("startTimeUnixNano", "endTimeUnixNano")]
    begin, end = (_integer(time) for time in times)
    if not isinstance(name, str) or begin is None or end is None:
        return None
    return RawSpan(
        trace_id=_hexadecimal(written.get("traceId")),
        span_id=_hexadecimal(written.get("spanId")),
        name=name[:MAX_NAME_CHARACTERS],
        begin_ns=begin,
        end_ns=end,
        attributes={**of_resource, **_attributes(written.get("attributes"), wanted)},
    )


def _attributes(given: Any, wanted: Collection[str]) -> dict[str, Value]:
    read: dict[str, Value] = {}
    for one in given[:MAX_ATTRIBUTES] if isinstance(given, list) else ():
        if not isinstance(one, dict) or not isinstance(one.get("value"), dict):
            continue
        name, value = one.get("key"), _value(one["value"])
        if isinstance(name, str) and name in wanted and value is not None:
            read[name] = value
    return read


def _value(given: Mapping[str, Any]) -> Value | None:
    """Return a text, a flag or a number; None for lists, maps and bytes."""
    match given:
        case {"stringValue": str(text)}:
            return text
        case {"boolValue": bool(flag)}:
            return flag
        case {"intValue": number}:
            return _integer(number)
        case {"doubleValue": int() | float() as number} if not isinstance(number, bool):
            return number
        case _:
            return None


def _integer(given: Any) -> int | None:
    """Return a whole number that stands as such or as a text; else None."""
    if isinstance(given, str) and 0 < len(given) <= MAX_DIGITS and given.removeprefix("-").isdecimal():
        return int(given)
    return given if isinstance(given, int) and not isinstance(given, bool) else None


def _hexadecimal(given: Any) -> bytes:
    """Return an id as bytes; none at all for what is no id."""
    try:
        return bytes.fromhex(given) if isinstance(given, str) and len(given) <= 32 else b""
    except ValueError:
        return b""
