"""Bodies of deliveries, compressed with zstd and a dictionary of webhooks.

A webhook of 1.5 kB takes a quarter of that, and is read byte for byte as it came. A dictionary ships in the package and
is never changed or removed: rows name it by its id. The next one gets the next id, and ships one release before it is
written with: the release before must be able to read the rows.
"""

import threading
from functools import cache
from importlib.resources import files

import zstandard

from service.errors import Permanent, Temporary

NEWEST_DICTIONARY = 1
LEVEL = 3
MAX_BYTES = 65_536
"""A larger body is stored as it is: none of CircleCI's is, and a row that claims more is damaged."""


def pack(body: bytes) -> tuple[bytes, int | None]:
    """Return what to store of a body, and the id of its dictionary; None: as it is.

    It takes some 10 microseconds for a webhook, and less than a millisecond for any body.
    """
    if len(body) > MAX_BYTES:
        return body, None
    packed = _codec(NEWEST_DICTIONARY).compressor.compress(body)
    return (packed, NEWEST_DICTIONARY) if len(packed) < len(body) else (body, None)


def unpack(stored: bytes, dictionary_id: int | None) -> bytes:
    """Return the body as it came.

    Raises Temporary for a dictionary of a newer release, whose processes can read it, and Permanent for damaged bytes.
    """
    if dictionary_id is None:
        return stored
    try:
        size = zstandard.frame_content_size(stored)
        if not 0 <= size <= MAX_BYTES:
            raise Permanent(f"a stored body is damaged: it claims to have {size} bytes; restore a backup")
        return _codec(dictionary_id).decompressor.decompress(stored, max_output_size=MAX_BYTES)
    except zstandard.ZstdError as error:
        raise Permanent(f"a stored body is damaged: {error}; restore a backup") from error


def unpack_for_display(stored: bytes, dictionary_id: int | None) -> bytes:
    """Return the body as it came, or the stored bytes if it cannot be read.

    One damaged row must not keep a list of others, or the rest of an event, from being shown.
    """
    try:
        return unpack(stored, dictionary_id)
    except (Permanent, Temporary):
        return stored


class _Codec(threading.local):
    """Compressor and decompressor of one dictionary: no two threads may share them."""

    def __init__(self, dictionary_id: int) -> None:
        dictionary = _read_dictionary(dictionary_id)
        self.compressor = zstandard.ZstdCompressor(level=LEVEL, dict_data=dictionary, write_checksum=True)
        self.decompressor = zstandard.ZstdDecompressor(dict_data=dictionary)


@cache
def _codec(dictionary_id: int) -> _Codec:
    return _Codec(dictionary_id)


@cache
def _read_dictionary(dictionary_id: int) -> zstandard.ZstdCompressionDict:
    file = files("service.store") / "dictionaries" / f"{dictionary_id}.zdict"
    try:
        data = file.read_bytes()
    except FileNotFoundError as error:
        raise Temporary(
            f"the body was stored by a newer release, with dictionary {dictionary_id}; run that release"
        ) from error
    dictionary = zstandard.ZstdCompressionDict(data)
    dictionary.precompute_compress(level=LEVEL)
    return dictionary
