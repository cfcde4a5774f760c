"""The audit chain: verified, and exported with a program that verifies the export."""

import json
import tarfile
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from inspect import getsource
from pathlib import Path
from typing import Any

from service import seal_chain
from service.db.tables import Transaction
from service.errors import BadRequest
from service.seal_chain import Checker, check
from service.store.audit import seal_stream

VERIFIER = "verify_audit.py"
ARCHIVES = (".tar.gz", ".tgz")


def verify(transaction: Transaction, kept: Mapping[int, str]) -> dict[str, Any]:
    """Return the report on the chain; for a snapshot."""
    return check(seal_stream.read_seals(transaction), seal_stream.read_rows(transaction), kept)


def export(transaction: Transaction, target: Path) -> dict[str, Any]:
    """Write seals and rows with the verifier into a new folder, or an archive.

    For a snapshot. Returns the report on what was written. Raises BadRequest if the target is there.
    """
    if target.exists() and not (target.is_dir() and not any(target.iterdir())):
        raise BadRequest(f"{target} exists; name a new folder, or a new file that ends in .tar.gz")
    if target.is_file() or target.name.endswith(ARCHIVES):
        return _export_archive(transaction, target)
    target.mkdir(mode=0o700, parents=True, exist_ok=True)
    return _export_folder(transaction, target)


def _export_archive(transaction: Transaction, target: Path) -> dict[str, Any]:
    """Write an archive, which has its name only once it is whole."""
    name = target.name.removesuffix(".gz").removesuffix(".tar").removesuffix(".tgz") or "audit"
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".audit-") as made:
        folder = Path(made) / name
        folder.mkdir()
        report = _export_folder(transaction, folder)
        archive = Path(made) / "archive"
        with tarfile.open(archive, "w:gz") as writing:
            writing.add(folder, arcname=name)
        archive.chmod(0o600)
        archive.rename(target)
    return report


def _export_folder(transaction: Transaction, folder: Path) -> dict[str, Any]:
    checker = Checker()
    _write_lines(folder / "seals.jsonl", _each(seal_stream.read_seals(transaction), checker.add_seal))
    _write_lines(folder / "rows.jsonl", _each(seal_stream.read_rows(transaction), checker.add_row))
    (folder / VERIFIER).write_text(getsource(seal_chain), encoding="utf-8")
    return checker.finish()


def _each(shapes: Iterable[Mapping[str, Any]], take: Any) -> Iterator[Mapping[str, Any]]:
    for shape in shapes:
        take(shape)
        yield shape


def _write_lines(file: Path, shapes: Iterable[Mapping[str, Any]]) -> None:
    with file.open("x", encoding="utf-8") as lines:
        file.chmod(0o600)
        for shape in shapes:
            lines.write(json.dumps(shape, ensure_ascii=True, default=seal_chain.to_plain) + "\n")
