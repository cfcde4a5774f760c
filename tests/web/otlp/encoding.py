"""Protobuf by hand: an export in bytes that no code of ours and no library made.

Numbers of fields: opentelemetry-proto, trace.proto and common.proto.
"""

import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

Batch = tuple[Mapping[str, object], Sequence[Mapping[str, Any]]]


def varint(value: int) -> bytes:
    value &= (1 << 64) - 1  # a negative number has ten bytes
    out = b""
    while value > 127:
        out += bytes([value & 127 | 128])
        value >>= 7
    return out + bytes([value])


def chunk(number: int, value: bytes | str) -> bytes:
    raw = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(raw)) + raw


def whole(number: int, value: int) -> bytes:
    return varint(number << 3) + varint(value)


def any_value(given: object) -> bytes:
    match given:
        case bool():
            encoded = whole(2, int(given))
        case int():
            encoded = whole(3, given)
        case float():
            encoded = varint(4 << 3 | 1) + struct.pack("<d", given)
        case list():
            encoded = chunk(5, b"".join(chunk(1, any_value(one)) for one in given))
        case dict():
            encoded = chunk(6, b"".join(chunk(1, key_value(name, one)) for name, one in given.items()))
        case bytes():
            encoded = chunk(7, given)
        case _:
            encoded = chunk(1, str(given))
    return encoded


def key_value(name: str, given: object) -> bytes:
    return chunk(1, name) + chunk(2, any_value(given))


def span(one: Mapping[str, Any]) -> bytes:
    """Encode a span as the JSON form has it, with what CircleCI's sender may add."""
    parts = [
        chunk(1, bytes.fromhex(one["traceId"])),
        chunk(2, bytes.fromhex(one["spanId"])),
        chunk(3, "vendor=1"),  # trace_state
        chunk(4, bytes.fromhex(one.get("parentSpanId", ""))),
        chunk(5, one["name"]),
        whole(6, one.get("kind", 1)),
        varint(7 << 3 | 1) + struct.pack("<Q", int(one["startTimeUnixNano"])),
        varint(8 << 3 | 1) + struct.pack("<Q", int(one["endTimeUnixNano"])),
        *(chunk(9, key_value(each["key"], plain(each["value"]))) for each in one["attributes"]),
        whole(10, 3),  # dropped_attributes_count
        chunk(11, varint(1 << 3 | 1) + struct.pack("<Q", 1) + chunk(2, "log")),  # an event
        chunk(13, chunk(1, bytes(16)) + chunk(2, bytes(8))),  # a link
        chunk(15, chunk(2, "exit 1") + whole(3, 2)),  # status
        varint(16 << 3 | 5) + struct.pack("<I", 257),  # flags
        chunk(99, "of a later version"),
    ]
    return b"".join(parts)


def plain(value: Mapping[str, Any]) -> object:
    """Return a value of the JSON form."""
    [(kind, given)] = value.items()
    return int(given) if kind == "intValue" else given


def request(batches: Iterable[Batch]) -> bytes:
    """Encode a request: resources with their attributes, each with its spans."""
    return b"".join(chunk(1, body) for body in _resource_spans(batches))


def _resource_spans(batches: Iterable[Batch]) -> Iterator[bytes]:
    for attributes, some in batches:
        resource = chunk(1, b"".join(chunk(1, key_value(name, given)) for name, given in attributes.items()))
        scope = chunk(1, chunk(1, "circleci") + chunk(2, "1.0"))
        yield resource + chunk(2, scope + b"".join(chunk(2, span(one)) for one in some) + chunk(3, "schema"))


def read_fields(message: bytes) -> dict[int, Any]:
    """Return the fields of a message of numbers and bytes alone, by number."""
    fields: dict[int, Any] = {}
    at = 0
    while at < len(message):
        key, at = _read_varint(message, at)
        value, at = _read_varint(message, at)
        if key & 7 == 2:
            fields[key >> 3], at = message[at : at + value], at + value
        else:
            fields[key >> 3] = value
    return fields


def _read_varint(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[at]
        value, at, shift = value | (byte & 127) << shift, at + 1, shift + 7
        if byte < 128:
            return value, at
