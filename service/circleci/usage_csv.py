r"""The CSV files of usage exports, read by their header. Pure.

Source: CircleCI API v2 reference, "Usage", report fields. A line is of one job. Columns may be absent, and further ones
appear: each that is read is looked for by name. CircleCI writes ``\N`` where there is no value.
"""

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from service.circleci.json_fields import read_seconds, read_text
from service.circleci.times import read_time
from service.errors import Permanent
from service.model import UsageRow

TOTAL = "total_credits"
CREDITS = "_credits"
ABSENT = frozenset({"", "\\n", "\\\\n", "null"})  # in lower case
WANTED: Mapping[str, str] = {  # by column: what is not known without it
    "project_name": "the project",
    "vcs_branch": "the branch",
    "workflow_name": "the workflow",
    "workflow_id": "runs and reruns",
    "pipeline_id": "reruns",
    "job_build_status": "what failed work cost",
}


@dataclass(kw_only=True)
class UsageReader:
    """A reader of one export; ``missing`` are the columns that a file lacked."""

    missing: set[str] = field(default_factory=set)

    def read(self, lines: Iterable[str]) -> Iterator[UsageRow]:
        """Yield the rows of a file.

        Raises Permanent if it is not CSV, or says nothing of credits.
        """
        try:
            rows = csv.reader(lines)
            header = [name.strip().strip("\ufeff").lower() for name in next(rows, [])]
            if not header:
                return
            sums = _columns_of_credits(header)
            self.missing |= WANTED.keys() - set(header)
            for cells in rows:
                if cells:
                    yield _row(dict(zip(header, cells, strict=False)), sums)
        except (csv.Error, UnicodeDecodeError) as error:
            raise Permanent(f"a file of CircleCI's usage export is not CSV that we can read: {error}") from error

    @property
    def remark(self) -> str | None:
        """Return what is not known for want of columns; None: all is."""
        if not self.missing:
            return None
        lacking = ", ".join(f"{name.upper()} ({WANTED[name]})" for name in sorted(self.missing))
        return f"the export has no column {lacking}"


def _columns_of_credits(header: Sequence[str]) -> Sequence[str]:
    """Return the columns whose sum is the credits of a job."""
    if TOTAL in header:
        return (TOTAL,)
    if sums := [name for name in header if name.endswith(CREDITS)]:
        return sums
    raise Permanent("a file of CircleCI's usage export has no column of credits, such as TOTAL_CREDITS")


def _row(cells: Mapping[str, str], sums: Sequence[str]) -> UsageRow:
    def text(name: str) -> str | None:
        cell = cells.get(name, "").strip()
        return None if cell.lower() in ABSENT else read_text(cell)

    return UsageRow(
        project_id=text("project_id"),
        project_name=text("project_name"),
        branch=text("vcs_branch"),
        pipeline_id=text("pipeline_id"),
        workflow_id=text("workflow_id"),
        workflow=text("workflow_name"),
        started_at=read_time(text("job_run_started_at") or text("job_run_queued_at") or text("pipeline_created_at")),
        status=text("job_build_status"),
        seconds=read_seconds(text("job_run_seconds")) or 0,
        credits=sum(read_seconds(text(name)) or 0 for name in sums),
    )
