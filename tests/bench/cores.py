"""Which core is whose: what is measured has one to itself, and whoever posts or stores for it takes the others."""

import os
from typing import Literal

Whose = Literal["ours", "theirs", "all"]
ALL = sorted(range(os.cpu_count() or 1))


def cores(whose: Whose) -> set[int]:
    """The core of the process that is measured, those of everybody else, or all there are."""
    return {"ours": set(ALL[:1]), "theirs": set(ALL[1:]) or set(ALL), "all": set(ALL)}[whose]


def stay_on(whose: Whose) -> None:
    """Keep this process, and what it starts, to these cores."""
    os.sched_setaffinity(0, cores(whose))
