"""OIDC claims of an organization or project: what a change would do, and do it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from service.circleci.api.settings import ClaimsShape
from service.circleci.circleci import CircleCI
from service.circleci.guards import GuardPlace, find_place
from service.errors import Permanent

CLAIMS = ("audience", "ttl")


@dataclass(frozen=True, kw_only=True)
class ClaimsTarget:
    """The claims to look at: of a project, or of its organization."""

    place: GuardPlace
    is_of_org: bool

    @property
    def name(self) -> str:
        """The slug that people read."""
        return self.place.org_slug if self.is_of_org else self.place.slug


@dataclass(frozen=True, kw_only=True)
class ClaimStep:
    """A claim, and what is to become of it; an absent value is CircleCI's own."""

    claim: str
    before: str | None
    after: str | None

    @property
    def is_needed(self) -> bool:
        """True if something is to be done."""
        return self.before != self.after


async def find_target(source: CircleCI, slug: str, *, is_of_org: bool) -> ClaimsTarget:
    """Return the target that a slug of a project leads to."""
    return ClaimsTarget(place=await find_place(source, slug), is_of_org=is_of_org)


async def read_claims(source: CircleCI, target: ClaimsTarget) -> dict[str, str]:
    """Return the claims that are set."""
    settings, place = source.admin_api.settings, target.place
    if target.is_of_org:
        return _claims(await settings.org_claims(place.org_id))
    return _claims(await settings.project_claims(place.org_id, place.project_id))


def plan_claims(now: Mapping[str, str], wanted: Mapping[str, str | None]) -> list[ClaimStep]:
    """Return a step for each claim that is asked for; None sets one back."""
    return [ClaimStep(claim=name, before=now.get(name), after=value) for name, value in wanted.items()]


async def apply_claims(source: CircleCI, target: ClaimsTarget, steps: Sequence[ClaimStep]) -> dict[str, str]:
    """Do what is needed, and return the claims as read back.

    Raises Permanent if CircleCI took the calls, but not what they asked for.
    """
    needed = [step for step in steps if step.is_needed]
    new = {step.claim: _value(step.claim, step.after) for step in needed if step.after is not None}
    gone = ",".join(step.claim for step in needed if step.after is None)
    settings, place = source.admin_api.settings, target.place
    if new and target.is_of_org:
        await settings.set_org_claims(place.org_id, new)
    elif new:
        await settings.set_project_claims(place.org_id, place.project_id, new)
    if gone and target.is_of_org:
        await settings.clear_org_claims(place.org_id, gone)
    elif gone:
        await settings.clear_project_claims(place.org_id, place.project_id, gone)
    now = await read_claims(source, target)
    if wrong := [step.claim for step in steps if now.get(step.claim) != step.after]:
        raise Permanent(f"CircleCI took the change of {target.name}, but {' and '.join(wrong)} is not as asked for")
    return now


def _value(claim: str, written: str | None) -> object:
    return written.split(", ") if claim == "audience" and written is not None else written


def _claims(found: ClaimsShape) -> dict[str, str]:
    claims = {"audience": ", ".join(sorted(found.audience)), "ttl": found.ttl or ""}
    return {name: value for name, value in claims.items() if value}
