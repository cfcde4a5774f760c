"""The identity of a test: equal in each run of its job. Pure."""

import re
from functools import lru_cache

from service.model import TestFailure, TestIdentity, TestPass

_PART = re.compile(r" (?:\d{1,6}/\d{1,6}|\(rerun\))$")


@lru_cache(maxsize=1_024)  # asked for each test of a job
def base_job_name(name: str) -> str:
    """Return a job's name without a final `` 2/4`` or `` (rerun)``.

    Parameters of a matrix are part of the name, and stay.
    """
    while (shorter := _PART.sub("", name)) != name and shorter.strip():
        name = shorter
    return name


def identify(job: str, failure: TestFailure | TestPass) -> TestIdentity:
    """Return the identity of a test: by class if there is one, else by file."""
    return TestIdentity(job=base_job_name(job), suite=failure.class_name or failure.file or "", name=failure.name)
