"""Read protobuf's wire format field by field, and never more than is asked for.

Source: protobuf.dev, "Encoding".
"""

from collections.abc import Iterator
from struct import Struct

from service.circleci.otlp.raw_span import malformed
from service.errors import BadRequest

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
MAX_VARINT_BYTES = 10
LOWEST_63 = 1 << 63

_FIXED64 = Struct("<Q")
_DOUBLE = Struct("<d")


class WireReader:
    """Reads messages, and counts their fields: all of one body together have a limit."""

    def __init__(self, max_fields: int) -> None:
        self._max_fields = max_fields
        self._left = max_fields

    def fields(self, message: bytes) -> Iterator[tuple[int, int | bytes]]:
        """Yield the number and the wire type of each field as one key, and its value.

        The key is ``number << 3 | type``; the value of a FIXED32 is skipped and yielded as 0. Raises BadRequest.
        """
        at, end = 0, len(message)
        while at < end:
            self._left -= 1
            if self._left < 0:
                raise BadRequest(f"the body has more than {self._max_fields} fields", status=413)
            key, at = _varint(message, at)
            if key < 8:
                raise malformed("a field has the number 0")
            kind = key & 7
            if kind == BYTES:
                length, at = _varint(message, at)
                begin, at = at, at + length
                if at > end:
                    raise malformed("it ends within a field")
                yield key, message[begin:at]
            elif kind == VARINT:
                value, at = _varint(message, at)
                yield key, value
            elif kind in {FIXED64, FIXED32}:
                begin, at = at, at + (8 if kind == FIXED64 else 4)
                if at > end:
                    raise malformed("it ends within a field")
                yield key, _FIXED64.unpack_from(message, begin)[0] if kind == FIXED64 else 0
            else:
                raise malformed(f"wire type {kind} is not in use")


def _varint(message: bytes, at: int) -> tuple[int, int]:
    """Return the varint at a place, and the place after it."""
    if at < len(message) and message[at] < 0x80:
        return message[at], at + 1
    value = shift = 0
    for byte in message[at : at + MAX_VARINT_BYTES]:
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & 0xFFFF_FFFF_FFFF_FFFF, at
        shift += 7
    raise malformed("it ends within a number, or a number is too long")


def to_signed(value: int) -> int:
    """Return a varint as the signed 64-bit number that it encodes."""
    return value - (LOWEST_63 << 1) if value >= LOWEST_63 else value


def to_double(value: int) -> float:
    """Return the bits of a FIXED64 as a floating-point number."""
    number: float = _DOUBLE.unpack(_FIXED64.pack(value))[0]
    return number


def write_varint(value: int) -> bytes:
    """Return a number that is not negative as a varint."""
    written = bytearray()
    while value > 0x7F:
        written.append(value & 0x7F | 0x80)
        value >>= 7
    written.append(value)
    return bytes(written)


def write_bytes(number: int, value: bytes) -> bytes:
    """Return a field of text, bytes or a message."""
    return write_varint(number << 3 | BYTES) + write_varint(len(value)) + value
