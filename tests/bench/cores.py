"""The core of what is measured, and those of all that posts to it or stores for it."""

import os
from typing import Literal

Whose = Literal["ours", "theirs", "all"]
ALL = sorted(range(os.cpu_count() or 1))


def cores(whose: Whose) -> set[int]:
    """Return the core of what is measured, those of everything else, or all there are."""
    return {"ours": set(ALL[:1]), "theirs": set(ALL[1:]) or set(ALL), "all": set(ALL)}[whose]


def keep_on(whose: Whose, pid: int = 0) -> None:
    """Keep a process, by default this one, and each that it starts, to these cores."""
    os.sched_setaffinity(pid, cores(whose))
