"""Slugs of ids in letters or as UUIDs are one project, in patterns and on record."""

import pytest

from service.model import posted_slug, slug_spellings
from service.routing.patterns import compile_pattern

LETTERS = "circleci/DdaVtNusHqi24D4YT3X4eu/6EkDPZoN4ZdMKKZtBkRodt"
UUIDS = "circleci/66491562-90a9-4065-9249-4b0ce3b77452/2a68fe5f-2fe5-4d4f-91e1-15f111116743"
"""Slug and ids of the payload in CircleCI's reference of outbound webhooks."""


@pytest.mark.parametrize("slug", [LETTERS, UUIDS])
def test_both_spellings_are_known_of_either(slug: str) -> None:
    assert slug_spellings(slug) == (LETTERS, UUIDS)
    assert posted_slug(slug) == LETTERS
    assert any(map(compile_pattern(UUIDS.rpartition("/")[0] + "/*"), slug_spellings(slug)))


@pytest.mark.parametrize(
    "slug",
    [
        "circleci/acme/web",
        "circleci/DdaVtNusHqi24D4YT3X4eu",
        f"{LETTERS}/x",
        LETTERS[:-2],
        "circleci/",
        "circleci/z/" + "z" * 22,
    ],
)
def test_what_is_no_pair_of_ids_stays_as_it_is(slug: str) -> None:
    assert slug_spellings(slug) == (slug,)
    assert posted_slug(slug) == slug


def test_webhooks_have_the_long_spelling_of_a_repository() -> None:
    assert posted_slug("gh/acme/web") == posted_slug("github/acme/web") == "github/acme/web"
