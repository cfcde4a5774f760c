"""The filters of ``runs/search`` are CircleCI's expression language."""

import pytest

from service.testing.fake_circleci.run_filters import Value, WrongFilter, fits

FACTS: dict[str, Value] = {
    "pipeline.status": "on_hold",
    "pipeline.number": 42,
    "pipeline.git.branch": 'odd"\\name',
    "pipeline.git.tag": None,
}


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("", True),
        ('pipeline.status == "on_hold"', True),
        ('pipeline.status != "on_hold"', False),
        ('not pipeline.status == "success" and pipeline.number >= 42', True),
        ('pipeline.number < 42 or (pipeline.number > 40 and pipeline.status starts-with "on")', True),
        ('pipeline.git.branch == "odd\\"\\\\name"', True),
        ('pipeline.git.tag == "v1" or pipeline.git.tag != "v1"', False),
    ],
)
def test_filter_is_compared_with_facts(written: str, expected: bool) -> None:
    assert fits(written, FACTS) is expected


@pytest.mark.parametrize(
    "written", ["pipeline.unknown == 1", "pipeline.status ==", "(true", "true true", "&&", 'pipeline.status < "a"']
)
def test_what_is_not_of_the_language_is_refused(written: str) -> None:
    with pytest.raises(WrongFilter):
        fits(written, FACTS)
