"""Projects of one name: told apart by their slugs, and only where both are shown."""

from dataclasses import replace

import pytest

from service.message.digest import DigestFacts, digest_lines
from service.model import Transition
from service.model.same_names import mark_of, tell_apart
from tests.message.test_digest import NOW, on_track

APP = "circleci/Ab12Cd34Ef56Gh78Ij90Kl/Qr12St34Uv56Wx78Yz90Ab"
OTHER = "circleci/Ab12Cd34Ef56Gh78Ij90Kl/Zz99St34Uv56Wx78Yz90Ab"


@pytest.mark.parametrize(
    ("slugs", "marks"),
    [
        (["gh/acme/web", "github/acme/web"], ["", ""]),
        (["gh/acme/web", APP], [" (gh)", " (circleci)"]),
        ([APP, OTHER], [" (circleci Qr12St34)", " (circleci Zz99St34)"]),
        (["gh/acme/web", "gh/corp/web"], [" (gh/acme/web)", " (gh/corp/web)"]),
        (["gh/acme/web", None], ["", ""]),
    ],
)
def test_a_name_of_several_projects_has_what_tells_them_apart(slugs: list[str | None], marks: list[str]) -> None:
    found = tell_apart([("acme/web", slug) for slug in slugs] + [("acme/api", "gh/acme/api")])

    assert [mark_of(found, slug) for slug in slugs] == marks
    assert mark_of(found, "gh/acme/api") == ""


def test_a_digest_names_two_projects_of_one_name_apart() -> None:
    ends = [on_track(number, Transition.FIXED, number) for number in (1, 2)]
    two = [
        replace(one, project=replace(one.project, slug=slug), workflow=replace(one.workflow, name="build"))
        for one, slug in zip(ends, ("gh/acme/web", APP), strict=True)
    ]

    said = [line for line in digest_lines(DigestFacts(runs=two), NOW, "UTC") if line.startswith("- ")]

    assert [" (gh) " in line or " (circleci) " in line for line in said] == [True, True]
    assert len({*said}) == 2
