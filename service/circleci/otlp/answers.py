"""The answers of a receiver of OTLP over HTTP, in the encoding of the request.

Source: OTLP specification 1.x, "OTLP/HTTP Response".
"""

import json
from enum import StrEnum

from service.circleci.otlp.wire import write_bytes, write_varint

REJECTED_SPANS_KEY = b"\x08"
STATUS_MESSAGE = 2


class Encoding(StrEnum):
    """An encoding of requests, by its content type."""

    PROTOBUF = "application/x-protobuf"
    JSON = "application/json"


def write_success(encoding: Encoding, rejected: int = 0, message: str = "") -> bytes:
    """Return an ExportTraceServiceResponse; the message says why spans were refused."""
    if encoding is Encoding.JSON:
        part = {"rejectedSpans": str(rejected), "errorMessage": message}
        return json.dumps({"partialSuccess": part} if message else {}).encode()
    if not message:
        return b""
    count = REJECTED_SPANS_KEY + write_varint(rejected) if rejected else b""
    return write_bytes(1, count + write_bytes(2, message.encode()))


def write_failure(encoding: Encoding, message: str) -> bytes:
    """Return a google.rpc.Status, of which clients read the message alone."""
    if encoding is Encoding.JSON:
        return json.dumps({"message": message}).encode()
    return write_bytes(STATUS_MESSAGE, message.encode())
