"""The chain of seals: hashes of rows, seals over them, and a check of both.

It needs Python 3.11 and nothing else: `roundsman audit export` puts a copy of this file beside what it writes, as
``verify_audit.py``, and ``python3 -I -S verify_audit.py`` checks the export there.

The encoding. A value is JSON with sorted keys, no blanks, ASCII letters alone. Times are such as
``2026-11-22T09:00:00.000000Z``, bytes are base64, ids are UUIDs with dashes; a column that is NULL is left out.

    row hash    SHA-256 of "roundsman row 1", a line feed, the salt of the row, and {"key", "row", "table"}
    root        SHA-256 of "roundsman root 1", a line feed, and the hashes that a seal covers, 32 bytes each, sorted
    seal hash   SHA-256 of "roundsman seal 1", a line feed, and the fields of the seal but for its hash
"""

import base64
import hashlib
import json
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

FIELDS = ("number", "kind", "previous", "root", "count", "sealed_at", "covered_until", "before", "who")
"""The fields of a seal that its hash is of."""

FIRST = "0" * 64
"""The ``previous`` of the first seal, which has none."""

LATE_BY = timedelta(hours=1)
"""The longest time from that of a row to its commit.

An older row that no seal covers is taken for inserted by hand.
"""

KEPT_SEAL = re.compile(r'(?:seal |"number": ?)(\d+)\b[^\n]*?\b([0-9a-f]{64})\b')
NAMED_ROWS = 3


def encode(value: object) -> bytes:
    """Return the one encoding of a value."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, default=to_plain).encode()


def to_plain(value: object) -> str:
    """Return bytes as a text; raise TypeError for any other value."""
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    raise TypeError(f"{type(value).__name__} has no encoding in the chain")


def row_hash(row: Mapping[str, Any], salt: bytes) -> bytes:
    """Return the hash of a row: its table, its key, and the columns that never change."""
    content = {name: value for name, value in row["row"].items() if value is not None}
    return _hash("row", salt + encode({"table": row["table"], "key": row["key"], "row": content}))


def root_of(hashes: Iterable[bytes]) -> str:
    """Return the root of hashes; their order is of no account."""
    return _hash("root", b"".join(sorted(hashes))).hex()


def removal_hash(removal: Mapping[str, Any]) -> bytes:
    """Return the hash of the removal of rows that one seal covers."""
    return _hash("removal", encode({name: removal[name] for name in ("from_seal", "count", "digest")}))


def blanking_hash(blanking: Mapping[str, Any]) -> bytes:
    """Return the hash of a change of a row by `roundsman forget`."""
    return _hash("blanking", encode({name: blanking[name] for name in ("table", "key", "old", "new")}))


def seal_hash(seal: Mapping[str, Any]) -> str:
    """Return the hash of a seal, which the seal after it holds."""
    return _hash("seal", encode({name: seal[name] for name in FIELDS if seal.get(name) is not None})).hex()


def _hash(kind: str, data: bytes) -> bytes:
    return hashlib.sha256(f"roundsman {kind} 1\n".encode() + data).digest()


def read_kept(text: str) -> dict[int, str]:
    """Return the hashes of seals that a text names, by number.

    A seal is a line with "seal 12" and its 64 digits, as in messages, or one of JSON.
    """
    found: dict[int, str] = {}
    for line in text.splitlines():
        if line.startswith("{"):
            try:
                seal = json.loads(line)
                found[int(seal["number"])] = str(seal["hash"])
            except (ValueError, KeyError, TypeError):
                continue
        else:
            found |= {int(number): digits for number, digits in KEPT_SEAL.findall(line)}
    return found


class Checker:
    """A check of rows and seals, which come one by one.

    Seals come first, in order, then rows; a row without ``row`` is one that is gone.
    """

    def __init__(self, kept: Mapping[int, str] | None = None) -> None:
        self.findings: list[dict[str, Any]] = []
        self.rows = Counter[str]()
        self.last: Mapping[str, Any] | None = None
        self._kept = dict(kept or {})
        self._kept_count = len(self._kept)
        self._expected: dict[tuple[str, str], str] = {}  # of rows that were blanked: the hash that they have now
        self._old: dict[tuple[str, str], list[str]] = {}
        self._roots: dict[int, tuple[str, int, str]] = {}
        self._removals: dict[tuple[int, int], str] = {}
        self._covered: dict[int, bytearray] = {}
        self._removed: dict[tuple[int, int], bytearray] = {}
        self._names: dict[int, list[str]] = {}
        self._doubtful: list[str] = []
        self._uncovered: list[str] = []  # the first and the last time of rows that no seal covers

    def add_seal(self, seal: Mapping[str, Any]) -> None:
        """Check a seal, also against the one before and the one kept elsewhere."""
        number = seal["number"]
        before = (self.last["number"], self.last["hash"]) if self.last else (0, FIRST)
        self.last = seal
        if number != before[0] + 1:
            self._find("seal", f"seals {before[0] + 1} to {number - 1} are missing")
        elif seal["previous"] != before[1]:
            self._find("seal", f"seal {number} does not hold the hash of the seal before it")
        if seal_hash(seal) != seal["hash"]:
            self._find("seal", f"seal {number} was changed: its hash is not that of its fields")
        kept = self._kept.pop(number, seal["hash"])
        if kept != seal["hash"]:
            self._find("seal", f"seal {number} is not the one kept elsewhere: it or one before it was made anew")
        self._read_details(seal)

    def _read_details(self, seal: Mapping[str, Any]) -> None:
        """Take what a seal says of removed and of blanked rows."""
        number = seal["number"]
        if seal["kind"] == "rows":
            self._roots[number] = (seal["root"], seal["count"], seal["sealed_at"])
            return
        removals, blankings = seal.get("removals", []), seal.get("blankings", [])
        if root_of([*map(removal_hash, removals), *map(blanking_hash, blankings)]) != seal["root"]:
            self._find("seal", f"what seal {number} says of removed or blanked rows was changed")
        for removal in removals:
            self._removals[number, removal["from_seal"]] = removal["digest"]
        for one in blankings:
            place = (one["table"], encode(one["key"]).decode())
            self._old.setdefault(place, []).append(one["old"])
            self._expected[place] = one["new"]
        self.rows["blanked"] += len(blankings)

    def add_row(self, row: Mapping[str, Any]) -> None:
        """Check a row against the seal that covers it."""
        self.rows["all"] += "row" in row
        if row.get("seal") is None:
            self._judge_uncovered(row)
            return
        hash_, removed_in = bytes.fromhex(row["hash"]), row.get("removed_in")
        self._covered.setdefault(row["seal"], bytearray()).extend(hash_)
        names = self._names.setdefault(row["seal"], [])
        if len(names) < NAMED_ROWS:
            names.append(_name(row))
        if removed_in is not None:
            self._removed.setdefault((removed_in, row["seal"]), bytearray()).extend(hash_)
            self.rows["removed by retention"] += 1
            if "row" in row:
                self._find("inserted", "is there again, though retention removed it", row)
        elif "row" not in row:
            unknown = ", or is of a table that a newer release added" if " " in row["table"] else ""
            self._find("removed", f"was removed{unknown}; seal {row['seal']} covers it", row)
        else:
            self._compare(row, hash_)

    def _compare(self, row: Mapping[str, Any], sealed: bytes) -> None:
        self.rows["covered"] += 1
        covered = self.last and self.last["covered_until"]
        self.rows["covered beyond"] += bool(covered and row.get("time") and _time(row["time"]) > _time(covered))
        place = (row["table"], encode(row["key"]).decode())
        expected = self._expected.get(place, sealed.hex())
        if row_hash(row, bytes.fromhex(row["salt"])).hex() != expected:
            self._find("changed", f"was changed after seal {row['seal']}", row)
        elif self._old.get(place, [sealed.hex()])[0] != sealed.hex():
            self._find("changed", "has another hash than the one it had before it was blanked", row)

    def _judge_uncovered(self, row: Mapping[str, Any]) -> None:
        """Tell a row that is to be sealed from one inserted with an old time."""
        if row.get("time") is None:
            self._find("inserted", "was inserted: no seal covers it, and it cannot be read", row)
            return
        self._uncovered = sorted([*self._uncovered, row["time"]])[:: max(1, len(self._uncovered))]
        covered = self.last and self.last["covered_until"]
        if covered and _time(row["time"]) < _time(covered) - LATE_BY:
            self._find("inserted", "was inserted: no seal covers it, and it is older than the last one", row)
            return
        self.rows["not covered yet"] += 1
        if covered and _time(row["time"]) < _time(covered):
            self.rows["of a covered time"] += 1
            if len(self._doubtful) < NAMED_ROWS:
                self._doubtful.append(_name(row))

    def finish(self) -> dict[str, Any]:
        """Compare the roots, and return the report."""
        times = self._uncovered
        if self.last is None and times and _time(times[-1]) - _time(times[0]) > LATE_BY:
            sentence = "has no seal, though its rows are of more than an hour: run `roundsman serve`"
            self._find("seal", f"the database {sentence}, or its seals were taken away")
        for number, (root, count, _) in self._roots.items():
            self._check_root(number, root, count)
        for number in sorted(self._covered.keys() - self._roots.keys()):
            self._find("seal", f"seal {number}, which covers {self._some(number)}, is not there")
        for (number, from_seal), digest in self._removals.items():
            if root_of(_cut(self._removed.pop((number, from_seal), b""))) != digest:
                self._find("removed", f"rows of seal {from_seal} that retention (seal {number}) removed are not these")
        for number, from_seal in self._removed:
            self._find("removed", f"rows of seal {from_seal} claim that seal {number} removed them, which it did not")
        for number in sorted(self._kept):
            self._find("seal", f"seal {number} is kept elsewhere and missing here: seals were cut off, or restored")
        return self._report()

    def _check_root(self, number: int, root: str, count: int) -> None:
        hashes = self._covered.get(number, b"")
        if root_of(_cut(hashes)) == root:
            return
        missing = count - len(hashes) // 32
        gone = f"{missing} of its {count_of(count, 'row')} {'is' if missing == 1 else 'are'} not on its list"
        reason = f"{gone}; it is of what was committed {self._range(number)}" if missing else "its list was changed"
        self._find("seal", f"seal {number} does not fit its rows, such as {self._some(number)}: {reason}")

    def _range(self, number: int) -> str:
        """Return the time of which a seal's rows are: from the seal before it to its own."""
        until = self._roots[number][2]
        before = next((self._roots[one][2] for one in range(number - 1, 0, -1) if one in self._roots), None)
        return f"from {before} to {until}" if before else f"until {until}"

    def _report(self) -> dict[str, Any]:
        return {
            "ok": not self.findings,
            "covered_until": self.last and self.last["covered_until"],
            "last_seal": self.last and {"number": self.last["number"], "hash": self.last["hash"]},
            "kept_elsewhere": self._kept_count,
            "rows": {name.replace(" ", "_"): count for name, count in self.rows.items()},
            "doubtful": self._doubtful,
            "findings": self.findings,
        }

    def _some(self, number: int) -> str:
        return ", ".join(self._names.get(number, ["none"]))

    def _find(self, kind: str, sentence: str, row: Mapping[str, Any] | None = None) -> None:
        said = f"{_name(row)} {sentence}" if row else sentence
        place = {"table": row["table"], "key": row["key"]} if row else {}
        self.findings.append({"finding": kind, **place, "sentence": said})


def _name(row: Mapping[str, Any]) -> str:
    at = f" of {row['time']}" if row.get("time") else ""
    return f"{row['table']} {' '.join(map(str, row['key']))}{at}"


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _cut(hashes: bytes | bytearray) -> Iterator[bytes]:
    """Yield hashes of 32 bytes that stand in a row."""
    return (bytes(hashes[start : start + 32]) for start in range(0, len(hashes), 32))


def check(
    seals: Iterable[Mapping[str, Any]], rows: Iterable[Mapping[str, Any]], kept: Mapping[int, str] | None = None
) -> dict[str, Any]:
    """Return the report on seals and rows, with seals kept elsewhere beside them."""
    checker = Checker(kept)
    for seal in seals:
        checker.add_seal(seal)
    for row in rows:
        checker.add_row(row)
    return checker.finish()


def sentences(report: Mapping[str, Any]) -> list[str]:
    """Return a report as sentences, findings first."""
    rows, last = report["rows"], report["last_seal"]
    found = [one["sentence"] for one in report["findings"]]
    if last is None:
        return [*found, "there is no seal yet: nothing is covered"]
    newer, blanked = rows.get("not_covered_yet", 0), rows.get("blanked", 0)
    removed, beyond = rows.get("removed_by_retention", 0), rows.get("covered_beyond", 0)
    said = [
        f"{count_of(rows.get('covered', 0), 'row')} covered: all until {report['covered_until']}, {beyond} after it",
        f"{count_of(newer, 'newer row')} {'waits' if newer == 1 else 'wait'} for the next seal",
        *_doubts(rows.get("of_a_covered_time", 0), report["doubtful"]),
        f"{count_of(removed, 'row')} {'was' if removed == 1 else 'were'} removed by retention",
        f"{count_of(blanked, 'time')} `roundsman forget` blanked a row",
        f"last: seal {last['number']} {last['hash']}",
    ]
    if report["kept_elsewhere"]:
        said.append(f"compared with {count_of(report['kept_elsewhere'], 'seal')} kept elsewhere")
    else:
        said.append("compare with seals kept elsewhere (--against): its own can be made anew or cut off")
    return [*found, *said]


def _doubts(count: int, names: list[str]) -> list[str]:
    """Return a sentence about uncovered rows that are older than the last seal."""
    verb, listed = "is" if count == 1 else "are", ", ".join(names)
    said = f"{count} of them {verb} of a time that is covered: committed late, or inserted: {listed}"
    return [said] if count else []


def count_of(count: int, noun: str) -> str:
    """Return a count with its noun: ``1 row``, ``2 rows``."""
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _read_lines(file: Path) -> Iterator[dict[str, Any]]:
    with file.open(encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)


def main(arguments: list[str]) -> int:
    """Check the export in this file's folder; return 1 if something was changed.

    ``--against FILE`` compares with seals kept elsewhere.
    """
    folder = Path(__file__).resolve().parent
    kept = read_kept(Path(arguments[1]).read_text(encoding="utf-8")) if arguments[:1] == ["--against"] else {}
    try:
        report = check(_read_lines(folder / "seals.jsonl"), _read_lines(folder / "rows.jsonl"), kept)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        sys.stdout.write(f"the export is damaged: {error!r}\n")
        return 1
    sys.stdout.write("".join(f"{sentence}\n" for sentence in sentences(report)))
    return 0 if report["ok"] else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
