"""Read the spans of a request in protobuf.

Why not with a library: docs/decisions has the figures. Numbers of fields: opentelemetry-proto, trace.proto and
common.proto. Events, links and nested values are skipped unread, so that no depth of nesting matters.
"""

from collections.abc import Collection, Mapping
from typing import Final

from service.circleci.otlp.raw_span import MAX_ATTRIBUTES, MAX_NAME_CHARACTERS, Found, RawSpan, SpanLimits, Value
from service.circleci.otlp.wire import BYTES, FIXED64, VARINT, WireReader, to_double, to_signed

# A key is the number of a field with its wire type, as it stands on the wire.
FIRST: Final = 1 << 3 | BYTES  # resource_spans; resource; attributes of a resource; key; string_value; trace_id
SECOND: Final = 2 << 3 | BYTES  # scope_spans; spans; value of an attribute; span_id
NAME: Final = 5 << 3 | BYTES
BEGIN: Final = 7 << 3 | FIXED64
END: Final = 8 << 3 | FIXED64
ATTRIBUTES: Final = 9 << 3 | BYTES
BOOL: Final = 2 << 3 | VARINT
INT: Final = 3 << 3 | VARINT
DOUBLE: Final = 4 << 3 | FIXED64


def read_request(body: bytes, wanted: Collection[str], limits: SpanLimits) -> Found:
    """Return the spans of an ExportTraceServiceRequest. Raises BadRequest.

    wanted   the names of the attributes to read; others are skipped
    """
    return _Decoder(wanted, limits).read(body)


class _Decoder:
    def __init__(self, wanted: Collection[str], limits: SpanLimits) -> None:
        self._wanted = {name.encode(): name for name in wanted}
        self._fields = WireReader(limits.fields).fields
        self._found = Found(limit=limits.spans)

    def read(self, body: bytes) -> Found:
        for key, value in self._fields(body):
            if key == FIRST and isinstance(value, bytes):
                self._read_resource_spans(value)
        return self._found

    def _read_resource_spans(self, message: bytes) -> None:
        scopes: list[bytes] = []
        of_resource: dict[str, Value] = {}
        for key, value in self._fields(message):
            if key == FIRST and isinstance(value, bytes):
                of_resource |= self._of_resource(value)
            elif key == SECOND and isinstance(value, bytes):
                scopes.append(value)
        for scope in scopes:
            for key, value in self._fields(scope):
                if key == SECOND and isinstance(value, bytes) and self._found.has_room():
                    self._found.add(self._span(value, of_resource))

    def _span(self, message: bytes, of_resource: Mapping[str, Value]) -> RawSpan:
        texts, times = {FIRST: b"", SECOND: b"", NAME: b""}, {BEGIN: 0, END: 0}
        attributes = _Attributes(of_resource)
        for key, value in self._fields(message):
            if isinstance(value, bytes):
                if key == ATTRIBUTES and attributes.has_room():
                    attributes.add(*self._attribute(value))
                elif key in texts:
                    texts[key] = value
            elif key in times:
                times[key] = value
        return RawSpan(
            trace_id=texts[FIRST],
            span_id=texts[SECOND],
            name=texts[NAME].decode(errors="replace")[:MAX_NAME_CHARACTERS],
            begin_ns=times[BEGIN],
            end_ns=times[END],
            attributes=attributes.read,
        )

    def _of_resource(self, message: bytes) -> dict[str, Value]:
        attributes = _Attributes({})
        for key, value in self._fields(message):
            if key == FIRST and isinstance(value, bytes) and attributes.has_room():
                attributes.add(*self._attribute(value))
        return attributes.read

    def _attribute(self, message: bytes) -> tuple[str | None, Value | None]:
        """Return the name and the value of an attribute; None for one that is not read."""
        name, given = None, b""
        for key, value in self._fields(message):
            if key == FIRST and isinstance(value, bytes):
                name = self._wanted.get(value)
            elif key == SECOND and isinstance(value, bytes):
                given = value
        return name, self._value(given) if name is not None else None

    def _value(self, message: bytes) -> Value | None:
        """Return a text, a flag or a number; None for lists, maps and bytes."""
        read: Value | None = None
        for key, value in self._fields(message):
            if isinstance(value, bytes):
                read = value.decode(errors="replace") if key == FIRST else None
            elif key == BOOL:
                read = bool(value)
            elif key == INT:
                read = to_signed(value)
            elif key == DOUBLE:
                read = to_double(value)
        return read


class _Attributes:
    """Attributes over those of a resource; only the first ones are read."""

    def __init__(self, of_resource: Mapping[str, Value]) -> None:
        self.read = dict(of_resource)
        self._left = MAX_ATTRIBUTES

    def has_room(self) -> bool:
        self._left -= 1
        return self._left >= 0

    def add(self, name: str | None, value: Value | None) -> None:
        if name is not None and value is not None:
            self.read[name] = value
