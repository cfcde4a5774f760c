"""Our OpenTelemetry exporters at CircleCI: plan and apply, by organization.

An exporter is ours when it posts to our address; others are never touched. None can be changed: a new one is made and
read back, then the old one is deleted, so that no span is lost. What both send meanwhile is stored once.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from service.circleci.api.exporters import ExporterShape
from service.circleci.circleci import CircleCI
from service.errors import BadConfig, Permanent, Temporary
from service.model import HookSpec
from service.operations.hooks.hook_addresses import comparable, find_obstacle
from service.operations.hooks.hook_steps import CHANGES, Verb, with_next_step

PATH, USUAL_PATH = "/otlp/v1/traces", "/v1/traces"
MAX_EXPORTERS = 5  # of an organization. Source: CircleCI's Terraform provider, otel_exporter
AUTHORIZATION = "authorization"
ON_SERVER = "a CircleCI Server has no exporters, circleci.com alone has"
MAX_TRIED = 3  # projects of an organization, to learn its id


@dataclass(frozen=True, kw_only=True)
class ExporterTarget:
    """The address that makes an exporter ours, and the token that it sends along."""

    endpoint: str
    token: str = field(repr=False)

    def is_ours(self, exporter: ExporterShape) -> bool:
        """Return True if an exporter posts to our address, in any spelling.

        To an endpoint of host and port alone CircleCI appends the usual path.
        """
        given = exporter.endpoint or ""
        written = given if "://" in given else f"https://{given}{USUAL_PATH}"
        usual = self.endpoint.removesuffix(PATH) + USUAL_PATH
        return comparable(written) in {comparable(self.endpoint), comparable(usual)}


@dataclass(frozen=True, kw_only=True)
class ExporterStep:
    """One exporter with its planned change, its outcome, or its state."""

    verb: Verb
    org: str
    why: str
    org_id: str | None = None
    exporter: ExporterShape | None = None


def exporter_target(public_url: str | None, tokens: Sequence[str], circleci_url: str) -> ExporterTarget:
    """Return our address and newest token; raise BadConfig if one is missing."""
    if (obstacle := find_obstacle(public_url, circleci_url)) is not None:
        raise BadConfig(obstacle)
    if not tokens:
        raise BadConfig(
            "ROUNDSMAN_OTLP_TOKEN is not set: make one with `openssl rand -hex 32`, and restart the service"
        )
    return ExporterTarget(endpoint=f"{public_url}{PATH}", token=tokens[0])


def organizations_of(specs: Iterable[HookSpec], history: Iterable[str]) -> dict[str, list[str]]:
    """Return the organizations of projects, such as gh/acme, each with slugs of it.

    An organization that only a pattern names has no slug.
    """
    found: dict[str, list[str]] = {}
    for slug in (*(one for spec in specs for one in spec.patterns or (spec.project,)), *history):
        org, _, name = slug.rpartition("/")
        if not org or "*" in org:
            continue
        known = found.setdefault(org, [])
        if not set(name) & set("*?[") and slug not in known:
            known.append(slug)
    return found


async def plan(
    api: CircleCI, organizations: Mapping[str, Sequence[str]], target: ExporterTarget, *, rotate: bool = False
) -> list[ExporterStep]:
    """Return the steps that ``apply`` would take, organization by organization.

    rotate   replace our exporters: the token of one cannot be read back
    """
    steps: list[ExporterStep] = []
    planned: set[str] = set()
    for org, slugs in organizations.items():
        try:
            org_id = await organization_id(api, org, slugs)
            if org_id not in planned:
                planned.add(org_id)
                present = await _list(api, org_id)
                steps += _plan_organization(org, org_id, present, target, rotate=rotate)
        except (Temporary, Permanent) as error:
            why = with_next_step(error) if api.has_v3 else f"{error}; {ON_SERVER}"
            steps.append(ExporterStep(verb=Verb.FAILED, org=org, why=why))
    return steps


async def organization_id(api: CircleCI, org: str, slugs: Sequence[str]) -> str:
    """Return the id of an organization, by a project of it, else by our membership.

    Raises Temporary or Permanent.
    """
    for slug in slugs[:MAX_TRIED]:
        try:
            if found := (await api.api.project(slug)).organization_id:
                return found
        except Permanent:
            continue
    members = await api.api.organizations.collaborations()
    if found := next((one.id for one in members.items if one.slug == org and one.id), None):
        return found
    raise Permanent(f"CircleCI does not say the id of organization {org}: may the token see a project of it?")


async def _list(api: CircleCI, org_id: str) -> list[ExporterShape]:
    return list((await api.admin_api.exporters.exporters(org_id)).items)


def _plan_organization(
    org: str, org_id: str, present: Sequence[ExporterShape], target: ExporterTarget, *, rotate: bool
) -> list[ExporterStep]:
    step = ExporterStep(verb=Verb.UNCHANGED, org=org, org_id=org_id, why="as it should be")
    ours = [one for one in present if target.is_ours(one)]
    foreign = [
        replace(step, verb=Verb.FOREIGN, exporter=one, why="posts elsewhere")
        for one in present
        if not target.is_ours(one)
    ]
    right = next((one for one in ours if not _flaws(one)), None)
    if right is not None and not rotate:
        kept = replace(step, exporter=right, why="; ".join(("as it should be", *right.issues)))
        surplus = [one for one in ours if one is not right]
        return [kept, *(_deletion(step, one, "posts to our address a second time") for one in surplus), *foreign]
    if len(present) >= MAX_EXPORTERS:
        why = f"{len(present)} of {MAX_EXPORTERS} are in use; delete one at CircleCI, under Organization Settings"
        return [replace(step, verb=Verb.BLOCKED, why=why), *foreign]
    why = f"slot {len(present) + 1} of {MAX_EXPORTERS}"
    replaced = [_deletion(step, one, "; ".join((*_flaws(one), "the new one replaces it"))) for one in ours]
    return [replace(step, verb=Verb.CREATE, why=why), *replaced, *foreign]


def _deletion(step: ExporterStep, exporter: ExporterShape, why: str) -> ExporterStep:
    return replace(step, verb=Verb.DELETE, exporter=exporter, why=why)


def _flaws(exporter: ExporterShape) -> list[str]:
    flaws = [] if exporter.protocol == "http" else [f"protocol {exporter.protocol} -> http"]
    if exporter.insecure:
        flaws.append("does not verify TLS")
    if AUTHORIZATION not in {name.lower() for name in exporter.headers}:
        flaws.append("sends no Authorization")
    return flaws


async def apply(
    api: CircleCI, organizations: Mapping[str, Sequence[str]], target: ExporterTarget, *, rotate: bool = False
) -> list[ExporterStep]:
    """Plan and run the changes; return the steps with their results.

    After the first failed step of an organization its other changes are not tried: an old exporter is needed until
    the new one is there. Safe to repeat.
    """
    done: list[ExporterStep] = []
    failed: set[str | None] = set()
    for planned in await plan(api, organizations, target, rotate=rotate):
        step = planned
        if step.verb in CHANGES and step.org_id in failed:
            step = replace(step, verb=Verb.SKIPPED, why=f"{step.verb}: not tried, since a step before it failed")
        elif step.verb in CHANGES:
            step = await _do(api, step, target)
        if step.verb is Verb.FAILED:
            failed.add(step.org_id)
        done.append(step)
    return done


async def _do(api: CircleCI, step: ExporterStep, target: ExporterTarget) -> ExporterStep:
    """Run one step, and return it with its result as it reads back, or failed."""
    exporters = api.admin_api.exporters
    try:
        if step.verb is Verb.DELETE and step.exporter:
            await exporters.delete_exporter(step.exporter.id or "")
            return step
        made = await exporters.create_exporter(
            step.org_id or "", endpoint=target.endpoint, authorization=f"Bearer {target.token}"
        )
        found = next((one for one in await _list(api, step.org_id or "") if one.id == made.id), None)
    except (Temporary, Permanent) as error:
        return replace(step, verb=Verb.FAILED, why=f"{step.verb}: {with_next_step(error)}")
    flaws = ["it is not there"] if found is None else _flaws(found)
    if found is not None and not target.is_ours(found):
        flaws.append("it posts elsewhere")
    if flaws:
        why = f"{step.verb}: CircleCI said that it was done, but it reads back otherwise: {'; '.join(flaws)}"
        return replace(step, verb=Verb.FAILED, why=why)
    return replace(step, exporter=found)
