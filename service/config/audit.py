"""Copies of seals outside of the database, under ``audit:`` of roundsman.yaml."""

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from service.config.durations import seconds_between
from service.config.shapes import Shape, receiver_name
from service.model import SealCopies

MAX_PATH = 1_000


def _absolute(path: str) -> str:
    if not path.startswith("/") or path.endswith("/") or "\0" in path:
        raise ValueError("must be the whole path of a file, such as /var/lib/roundsman-seals/seals.jsonl")
    return path


class AuditShape(Shape):
    """The places where seals are kept outside of the database."""

    receiver: Annotated[str, AfterValidator(receiver_name)] | None = None
    every: Annotated[int, BeforeValidator(seconds_between("1h", "7d"))] = 86_400
    file: Annotated[str, Field(max_length=MAX_PATH), AfterValidator(_absolute)] | None = None

    @model_validator(mode="after")
    def _has_a_place(self) -> "AuditShape":
        if self.receiver is None and self.file is None:
            raise ValueError("must have a receiver, a file, or both")
        return self


def to_seal_copies(shape: AuditShape | None) -> SealCopies | None:
    """Return where seals are copied to; None: nowhere."""
    if shape is None:
        return None
    return SealCopies(receiver=shape.receiver, every_s=shape.every, file=Path(shape.file) if shape.file else None)
