"""The projects that patterns fit, read from all lists of projects; what cannot be read is said."""

import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

import httpx
import pytest

from service.circleci.circleci import CircleCI
from service.config.hooked_projects import to_hook_spec
from service.metrics import Metrics
from service.model import HookSpec
from service.operations.hooks.exporters import organization_id, organizations_of
from service.operations.hooks.hook_globs import Expansion, expand, fits, project_to_try
from service.operations.hooks.hook_steps import Verb
from service.operations.hooks.hooks import HookTarget, apply, plan
from service.operations.hooks.patience import Patience
from service.testing.fake_circleci.faults import Fault, broken, too_many
from service.testing.fake_circleci.organization import ADA, MOBILE, ORG_ID, Project
from service.testing.fake_circleci.server import FakeCircleCI

MANY = tuple(Project(name=f"app-{number:02}") for number in range(60))
ALL = HookSpec(project="gh/acme/*", name="Roundsman", events=("workflow-completed",), patterns=("gh/acme/*",))
TARGET = HookTarget(url="https://roundsman.example.com/hooks/circleci", secret="obviously-fake")
APP_15, GONE = MANY[15].slug, "gh/acme/gone"


@pytest.fixture
def fake() -> FakeCircleCI:
    return FakeCircleCI(token="good-token", owner=ADA, projects=(*MANY, MOBILE))


@pytest.fixture
async def api(fake: FakeCircleCI) -> AsyncIterator[CircleCI]:
    async with source(fake, version="v3") as made:
        yield made


class source:  # noqa: N801 - a context manager that reads as a function
    """CircleCI, asked through ASGI, with API v3 or without."""

    def __init__(self, fake: FakeCircleCI, *, version: str) -> None:
        self._api = CircleCI(
            secrets=(),
            url="http://ci",
            token="good-token",
            metrics=Metrics(),
            transport=httpx.ASGITransport(fake.app),
            api=version,
        )

    async def __aenter__(self) -> CircleCI:
        return self._api

    async def __aexit__(self, *_: object) -> None:
        await self._api.close()


async def find(api: CircleCI, *specs: HookSpec, history: Sequence[str] = ()) -> Expansion:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    return await expand(api, specs or (ALL,), history, patience=Patience(sleep=sleep))


def slugs(found: Expansion) -> list[str]:
    return sorted(spec.project for spec in found.specs)


async def test_all_projects_of_an_organization_are_found_over_pages_with_ids(api: CircleCI, fake: FakeCircleCI) -> None:
    found = await find(api)

    assert slugs(found) == [one.slug for one in MANY]
    assert {spec.project: spec.project_id for spec in found.specs} == {one.slug: one.id for one in MANY}
    assert (found.unread, found.remarks) == ((), ())
    listed = [call.query for call in fake.calls if (call.version, call.path) == ("v3", "/projects")]
    assert [query["filter[org_id]"] for query in listed] == [ORG_ID, ORG_ID]
    [followed] = [call for call in fake.calls if (call.version, call.path) == ("v1.1", "/projects")]
    assert followed.query == {"shallow": "true"}


async def test_excluded_and_single_projects_keep_their_own_hooks(api: CircleCI) -> None:
    own = HookSpec(project="github/acme/app-03", name="Own", events=("job-completed",))
    wide = replace(ALL, patterns=("github/acme/app-0?", "gh/acme/app-1[01]"), excluded=("gh/acme/app-05",))

    found = await find(api, wide, own)

    assert slugs(found) == sorted(
        ["github/acme/app-03", *(f"gh/acme/app-{one:02}" for one in range(12) if one not in {3, 5})]
    )
    assert found.specs[0] == own


async def test_a_server_has_those_that_ran_or_are_followed_or_posted(fake: FakeCircleCI) -> None:
    fake.has_v3 = False
    fake.organizations.unfollowed = {APP_15}
    async with source(fake, version="v2") as api:
        found = await find(api, history=[APP_15])

    assert slugs(found) == [one.slug for one in MANY]
    assert found.remarks[0] == "of gh/acme no whole list was read: its projects that ran, are followed or posted here"
    assert not [call for call in fake.calls if call.version == "v3"]


@pytest.mark.long
async def test_cloud_without_v3_says_so_and_reads_the_other_lists(fake: FakeCircleCI) -> None:
    fake.has_v3 = False
    async with source(fake, version="v3") as api:
        found = await find(api)

    assert slugs(found) == [one.slug for one in MANY]
    [unread] = found.unread
    assert (unread.verb, unread.project) == (Verb.FAILED, "gh/acme/*")
    assert "the list of gh/acme's projects could not be read: CircleCI answered 404" in unread.why


@pytest.mark.long
@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/me/collaborations", "the list of organizations could not be read: CircleCI answered 503"),
        ("/projects", "the list of gh/acme's projects could not be read: CircleCI answered 503"),
        (f"/project/{MANY[7].slug}", "CircleCI answered 503"),
    ],
)
async def test_what_cannot_be_read_is_a_failed_step(api: CircleCI, fake: FakeCircleCI, path: str, words: str) -> None:
    fake.faults.next(path, broken(503))

    found = await find(api)

    assert any(words in step.why for step in found.unread)
    assert {step.verb for step in found.unread} == {Verb.FAILED}


@pytest.mark.parametrize("path", ["/insights/gh/acme/summary", "/projects"])
async def test_a_lesser_list_is_only_remarked_on_where_the_whole_one_was_read(
    api: CircleCI, fake: FakeCircleCI, path: str
) -> None:
    if path == "/projects":  # v3 has the same path: its two pages come first
        fake.faults.next(path, Fault(), times=2)
    fake.faults.next(path, broken(403))

    found = await find(api)

    assert len(found.specs) == len(MANY)
    assert (len(found.unread), len(found.remarks)) == (0, 1)


@pytest.mark.long
async def test_a_rate_limit_amid_the_projects_is_waited_for(api: CircleCI, fake: FakeCircleCI) -> None:
    fake.faults.next("/project/*", too_many("0"), times=3)
    found = await find(api)
    fake.faults.next("/webhook", Fault(), times=20)
    fake.faults.next("/webhook", too_many("0"))

    planned = await plan(api, found.specs, TARGET)

    assert [step.verb for step in planned] == [Verb.CREATE] * 60


async def test_renamed_and_deleted_projects_are_not_taken_for_others(api: CircleCI, fake: FakeCircleCI) -> None:
    renamed = json.dumps({"id": MANY[0].id, "slug": MANY[0].slug}).encode()
    fake.faults.next("/project/gh/acme/old-name", Fault(status=200, body=renamed))
    fake.organizations.deleted = ("removed",)

    found = await find(api, history=["github/acme/old-name", GONE, "gh/other/web"])

    assert slugs(found) == [one.slug for one in MANY]
    [left_out] = found.remarks
    assert left_out.endswith(f"(renamed, deleted, or not for this token): {GONE}, gh/acme/removed")


@pytest.mark.long
async def test_a_project_without_permission_fails_alone(api: CircleCI, fake: FakeCircleCI) -> None:
    found = await find(api)
    fake.faults.next("/webhook", Fault(), times=9)
    fake.faults.next("/webhook", broken(403))

    done = await apply(api, found.specs[:12], TARGET)

    assert len([step for step in done if step.verb is Verb.CREATE]) == 11
    [failed] = [step for step in done if step.verb is Verb.FAILED]
    assert "organization admin" in failed.why


@pytest.mark.long
async def test_a_pattern_that_nothing_fits_is_remarked_on(api: CircleCI) -> None:
    own, other = replace(ALL, patterns=("gh/ada/*",)), replace(ALL, project="gh/x/*", patterns=("gh/x/*",))

    found = await find(api, own, other)

    assert found.specs == ()
    assert "the token's owner belongs to no organization that gh/x/* fits" in found.remarks
    assert any(remark.startswith("of gh/ada no whole list was read") for remark in found.remarks)
    assert "no project that we can see fits gh/x/*" in found.remarks


@pytest.mark.long
@pytest.mark.parametrize("pattern", [f"circleci/{ORG_ID}/*", "circleci/*", "*"])
async def test_projects_of_the_github_app_have_slugs_of_their_own(api: CircleCI, pattern: str) -> None:
    found = await find(api, replace(ALL, patterns=(pattern,)))

    assert MOBILE.slug in slugs(found)


async def test_projects_are_asked_for_by_documented_slugs_where_a_bare_id_is_not_taken(
    api: CircleCI, fake: FakeCircleCI
) -> None:
    """API v2 documents slugs of names and of ids; an id alone only clients mention."""
    for one in (*MANY, MOBILE):
        fake.faults.next(f"/project/{one.id}", broken(404), times=9)
    by_ids = json.dumps({"id": MOBILE.id, "slug": MOBILE.slug}).encode()
    fake.faults.next(f"/project/circleci/{ORG_ID}/{MOBILE.id}", Fault(status=200, body=by_ids))

    found = await find(api, ALL, replace(ALL, project="circleci/*", patterns=(f"circleci/{ORG_ID}/*",)))

    assert slugs(found) == sorted([*(one.slug for one in MANY), MOBILE.slug])
    assert found.unread == ()


async def test_a_pattern_is_never_taken_for_a_project(api: CircleCI) -> None:
    """Organizations, and the project that rights are tried with, come from what patterns fit."""
    spec = to_hook_spec(["gh/acme/*", "!gh/acme/app-00"], name="Roundsman", events=("workflow-completed",))

    assert organizations_of([spec], []) == {"gh/acme": []}
    assert organizations_of([spec], [APP_15]) == {"gh/acme": [APP_15]}
    assert await organization_id(api, "gh/acme", []) == ORG_ID
    assert await project_to_try(api, [spec], []) == MANY[1].slug
    assert await project_to_try(api, [spec], [APP_15]) == APP_15


def test_both_spellings_of_a_slug_fit_a_pattern_in_either() -> None:
    for pattern in ("gh/acme/*", "github/acme/*"):
        spec = replace(ALL, patterns=(pattern,), excluded=("gh/acme/legacy",))
        assert fits(spec, "gh/acme/web")
        assert fits(spec, "github/acme/web")
        assert not fits(spec, "github/acme/legacy")
        assert not fits(spec, "gh/other/web")
