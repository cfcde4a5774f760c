"""Verdicts as a short text: in ``m0 p3-7`` route 0 matched, and preceded 3 to 7."""

from collections.abc import Iterator, Mapping
from itertools import groupby

from service.model import Verdict

_LETTERS = {
    Verdict.MATCHED: "m",
    Verdict.ALREADY_TOLD: "a",
    Verdict.PRECEDED: "p",
    Verdict.LATE: "l",
    Verdict.NO_NEWS: "n",
    Verdict.MUTED: "u",
    Verdict.SILENCED: "s",
}
_VERDICTS = {letter: verdict for verdict, letter in _LETTERS.items()}


def write_verdicts(verdicts: Mapping[int, Verdict]) -> str:
    """Return verdicts by position as a text; those that are not in it did not match."""
    return " ".join(_runs(sorted(verdicts.items())))


def _runs(ordered: list[tuple[int, Verdict]]) -> Iterator[str]:
    """Yield each run of neighbors with one verdict."""
    numbered = enumerate(ordered)
    for (verdict, _), run in groupby(numbered, key=lambda one: (one[1][1], one[1][0] - one[0])):
        positions = [position for _, (position, _) in run]
        last = f"-{positions[-1]}" if len(positions) > 1 else ""
        yield f"{_LETTERS[verdict]}{positions[0]}{last}"


def read_verdicts(text: str) -> dict[int, Verdict]:
    """Return the verdicts by position that a text says."""
    found: dict[int, Verdict] = {}
    for run in text.split():
        first, _, last = run[1:].partition("-")
        found |= dict.fromkeys(range(int(first), int(last or first) + 1), _VERDICTS[run[0]])
    return found
