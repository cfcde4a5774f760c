"""Start a pipeline at CircleCI: look, ask once, look again."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from uuid import UUID

from service.circleci.api.actions import OwnPipeline, PipelineDefinition, TriggerAnswer
from service.circleci.api.circleci_api import CircleCIAPI
from service.circleci.api.request import EndpointNotFound
from service.config.schedules import parameter_value
from service.errors import BadRequest, Permanent, Temporary
from service.model.build_acts import ActOutcome, ActResult, Trigger
from service.operations.builds.build_acts import NO_NEW_TRY, Recorder, is_refusal

OLDER_ONLY = ("gl/", "gitlab/")
VERB = "trigger"


async def trigger_pipeline(api: CircleCIAPI, trigger: Trigger, recorder: Recorder) -> ActResult:
    """Start a pipeline, and return the result.

    Raises BadRequest for a wrong request, Temporary or Permanent where CircleCI cannot be read: nothing was asked then.
    """
    if trigger.branch and trigger.tag:
        raise BadRequest("a pipeline runs on a branch or on a tag; leave one out")
    with _named(trigger.project):
        project = await api.project(trigger.project)
    known = await _own(api, trigger)
    try:
        subject_id = UUID(project.id or "")
    except ValueError as error:
        raise Permanent(f"CircleCI does not say the id of project {trigger.project}") from error

    async def ask() -> ActResult:
        try:
            answered = await _ask(api, trigger)
        except (Temporary, Permanent) as error:
            if is_refusal(error):
                return ActResult(outcome=ActOutcome.REFUSED, sentence=str(error))
            return await _look_again(api, trigger, frozenset(known), error)
        return await _confirm(api, answered)

    return await recorder.run(VERB, subject_id, describe(trigger), ask)


def describe(trigger: Trigger) -> str:
    """Return what is asked for, in words."""
    branch = f"branch {trigger.branch}" if trigger.branch else "its default branch"
    place = f"tag {trigger.tag}" if trigger.tag else branch
    names = f", with {', '.join(sorted(trigger.parameters))}" if trigger.parameters else ""
    return f"a pipeline of {trigger.project}, {place}{names}"


def to_parameters(written: Sequence[str]) -> Mapping[str, object]:
    """Return the parameters in texts such as ``deploy=true``. Raises BadRequest."""
    parameters: dict[str, object] = {}
    for one in written:
        name, equals, value = one.partition("=")
        if not equals or not name:
            raise BadRequest(f"parameter {one[:100]!a}: write NAME=VALUE, such as deploy=true")
        if name in parameters:
            raise BadRequest(f"parameter {name[:100]} is given twice; give it once")
        parameters[name] = parameter_value(value)
    return parameters


async def find_definitions(api: CircleCIAPI, slug: str) -> Sequence[PipelineDefinition]:
    """Return the pipelines that a project has; none where CircleCI does not list them.

    A CircleCI Server has no such list. Raises Temporary, or Permanent for a project that CircleCI does not have.
    """
    with _named(slug):
        project = await api.project(slug)
    if slug.startswith(OLDER_ONLY) or not project.id:
        return ()
    try:
        return [one for one in (await api.actions.pipeline_definitions(project.id)).items if one.id]
    except Permanent:
        return ()


@contextmanager
def _named(slug: str) -> Iterator[None]:
    """Name the project in a refusal: CircleCI says only that something is not there."""
    try:
        yield
    except EndpointNotFound as error:
        raise EndpointNotFound(f"nothing was started at {slug}: {error}") from error


async def _own(api: CircleCIAPI, trigger: Trigger) -> dict[str, OwnPipeline]:
    found = await api.actions.own_pipelines(trigger.project)
    return {one.id: one for one in found.items if one.id}


async def _ask(api: CircleCIAPI, trigger: Trigger) -> TriggerAnswer:
    """Ask for a pipeline.

    Projects of GitLab's, and a CircleCI Server before 4.8, have only the older way: the newer one answers 404 there,
    and has surely started nothing.
    """
    if not trigger.project.startswith(OLDER_ONLY):
        try:
            return await api.actions.run_pipeline(trigger.project, _body(trigger))
        except EndpointNotFound:
            if trigger.definition_id:
                raise
    with _named(trigger.project):
        return await api.actions.trigger_pipeline(trigger.project, _older_body(trigger))


def _body(trigger: Trigger) -> dict[str, object]:
    place = _place(trigger)
    body: dict[str, object] = {"config": place, "checkout": place} if place else {}
    body |= {"parameters": dict(trigger.parameters)} if trigger.parameters else {}
    return body | ({"definition_id": trigger.definition_id} if trigger.definition_id else {})


def _older_body(trigger: Trigger) -> dict[str, object]:
    return {**_place(trigger), **({"parameters": dict(trigger.parameters)} if trigger.parameters else {})}


def _place(trigger: Trigger) -> dict[str, str]:
    return {"tag": trigger.tag} if trigger.tag else {"branch": trigger.branch} if trigger.branch else {}


async def _confirm(api: CircleCIAPI, answered: TriggerAnswer) -> ActResult:
    """Return the result; an answer of status 200 without a pipeline started none."""
    if answered.id is None:
        words = f"CircleCI started no pipeline: {answered.message or 'it does not say why'}"
        return ActResult(outcome=ActOutcome.REFUSED, sentence=words)
    try:
        state = (await api.pipeline(answered.id)).number
        words = f"pipeline {answered.number or state} was started"
    except (Temporary, Permanent) as error:
        words = f"pipeline {answered.number} was started, but could not be read back ({error})"
    return ActResult(outcome=ActOutcome.DONE, sentence=words, pipeline=answered.id, number=answered.number)


async def _look_again(
    api: CircleCIAPI, trigger: Trigger, known: frozenset[str], lost: Temporary | Permanent
) -> ActResult:
    """Look whether a pipeline was started whose answer was lost."""
    try:
        found = [one for id_, one in (await _own(api, trigger)).items() if id_ not in known and _fits(one, trigger)]
    except (Temporary, Permanent) as error:
        words = f"{lost}; whether it was started could not be looked up ({error}), and {NO_NEW_TRY}: look at CircleCI"
        return ActResult(outcome=ActOutcome.UNCERTAIN, sentence=words)
    if not found:
        words = f"{lost}; CircleCI lists no new pipeline yet, and {NO_NEW_TRY}: look there before you do"
        return ActResult(outcome=ActOutcome.UNCERTAIN, sentence=words)
    words = f"{lost}, but pipeline {found[0].number} was started"
    return ActResult(outcome=ActOutcome.DONE, sentence=words, pipeline=found[0].id, number=found[0].number)


def _fits(pipeline: OwnPipeline, trigger: Trigger) -> bool:
    """Return whether a pipeline may be the one; some do not name their place."""
    if trigger.tag:
        return pipeline.vcs.tag in {None, trigger.tag}
    return trigger.branch is None or pipeline.vcs.branch in {None, trigger.branch}
