"""The report of a run: machine, table and limits; on paper, and in the measured parts of the documentation.

A page says where a part goes with two comments, ``<!-- measured: NAME -->`` and ``<!-- end -->``.
"""

import math
import os
import platform
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import psycopg

from tests.bench.cores import ALL
from tests.bench.rows import Row, as_table

DOCS = Path(__file__).parent.parent.parent / "docs"
PAGES = ("benchmarks.md", "scaling.md")
_SLOT = re.compile(r"(<!-- measured: (?P<part>[\w-]+) -->\n).*?(<!-- end -->)", re.DOTALL)
LIBRARIES = ("uvicorn", "uvloop", "sqlalchemy", "procrastinate")
PACES = {"a million jobs a day, 120/s": 120, "100 million, 4,000/s": 4_000}


@dataclass(frozen=True, kw_only=True)
class Report:
    """The figures of a run.

    machine   what it was measured on, with what, and by which command
    """

    machine: str
    rows: Sequence[Row]

    def text(self) -> str:
        """Return the whole in Markdown."""
        return f"{self.machine}\n\n{as_table(self.rows)}"

    def parts(self) -> dict[str, str]:
        """Return what stands in the documentation, by name."""
        return {"run": self.text(), "rates": self.rates(), "disk": self.disk()}

    def rates(self) -> str:
        """Return a table of the rates of one process, and of how many a pace takes."""
        wanted = ("intake: kept", "drain: ", "told: ")
        lines = [f"| part, one process on one core | measured | {' | '.join(PACES)} |", "| --- | --- | --- | --- |"]
        for row in self.rows:
            if row.what.startswith(wanted) and "SIGKILL" not in row.what and row.rate:
                counts = " | ".join(str(math.ceil(pace / row.rate)) for pace in PACES.values())
                lines.append(f"| {row.what}, {row.where} | {row.rate:,.0f}/s | {counts} |")
        return "\n".join(lines)

    def disk(self) -> str:
        """Return the table's rows of bytes."""
        return as_table([row for row in self.rows if row.what.startswith("disk")])


@dataclass(frozen=True, kw_only=True)
class Profile:
    """The limits of what is measured.

    machine   where the samples were taken, with what, and by which command
    limits    the functions and statements that a measurement spends its time in, by its name and database
    """

    machine: str
    limits: Mapping[str, Sequence[str]]

    def text(self) -> str:
        """Return the whole in Markdown, one list for each measurement."""
        listed = ["\n".join([f"{name}:\n", *(f"- {line}" for line in lines)]) for name, lines in self.limits.items()]
        shares = "Shares of the samples taken of our threads while they work, and of Postgres:"
        return "\n\n".join([self.machine, shares, *listed])

    def parts(self) -> dict[str, str]:
        """Return what stands in the documentation, by name."""
        return {"limits": self.text()}


def machine(server_url: str, command: Sequence[str]) -> str:
    """Return what it is measured on, with what, and by which command."""
    [model, *_] = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        if line.startswith("model name")
    ] or [platform.machine()]
    with psycopg.connect(server_url) as connection:
        postgres = connection.info.parameter_status("server_version")
    libraries = ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
    load, _, _ = os.getloadavg()
    return (
        f"{datetime.now(UTC):%Y-%m-%d}, {model}, {len(ALL)} cores, Linux {platform.release()}, "
        f"Python {platform.python_version()}, Postgres {postgres}, {libraries}. Load when it began: {load:.1f}.\n\n"
        f"`{' '.join(['python -m tests.bench', *command])}`"
    )


def write_pages(parts: Mapping[str, str], docs: Path = DOCS) -> None:
    """Write these measured parts of the documentation anew, and leave the others as they are."""

    def fill(slot: re.Match[str]) -> str:
        return f"{slot[1]}\n{parts[slot['part']]}\n\n{slot[3]}" if slot["part"] in parts else slot[0]

    for name in PAGES:
        page = docs / name
        page.write_text(_SLOT.sub(fill, page.read_text(encoding="utf-8")), encoding="utf-8")
