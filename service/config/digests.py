"""Digests, under ``digests:`` of roundsman.yaml."""

from collections.abc import Iterable

from service.config.matchers import to_matcher
from service.config.schema import DigestShape
from service.model import Digest


def to_digests(shapes: Iterable[DigestShape]) -> tuple[Digest, ...]:
    """Return the digests of the file."""
    return tuple(
        Digest(
            name=shape.name,
            cron=shape.cron,
            receiver=shape.receiver,
            timezone=shape.timezone,
            matchers=tuple(to_matcher(key, one) for key, one in vars(shape.match).items() if one is not None),
            skips_empty=shape.skip_empty,
        )
        for shape in shapes
    )
