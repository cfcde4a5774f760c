"""The tools: each is a question, its arguments, and the operation that answers it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from service.db.tables import Transaction
from service.errors import BadRequest
from service.operations import questions
from service.operations.json_shapes import Json

MAX_ARGUMENT = 1_000
BUILD = (
    "an id of the build, or an address that has one, here or at CircleCI; a project and the number of a pipeline, such "
    "as acme/web#1487; or a search whose newest build is meant, such as project:acme/web branch:main status:failed"
)
Answer = Callable[[Transaction, datetime, Mapping[str, str]], Json]


@dataclass(frozen=True, kw_only=True)
class Tool:
    """A question that can be asked, with its arguments and their sentences."""

    name: str
    sentence: str
    answer: Answer
    required: Mapping[str, str] = field(default_factory=dict)
    optional: Mapping[str, str] = field(default_factory=dict)

    @property
    def schema(self) -> Json:
        """Return the JSON Schema of its arguments."""
        known = {**self.required, **self.optional}
        properties = {
            name: {"type": "string", "description": sentence, "maxLength": MAX_ARGUMENT}
            for name, sentence in known.items()
        }
        return {
            "type": "object",
            "properties": properties,
            "required": list(self.required),
            "additionalProperties": False,
        }

    def check(self, arguments: Mapping[str, Any]) -> Mapping[str, str]:
        """Return the arguments given. Raises BadRequest."""
        known = {**self.required, **self.optional}
        if unknown := next((name for name in arguments if name not in known), None):
            raise BadRequest(f"{unknown!a} means nothing to {self.name}; there are {', '.join(known)}")
        given = {name: value for name, value in arguments.items() if value not in {None, ""}}
        if missing := next((name for name in self.required if name not in given), None):
            raise BadRequest(f"{missing} is missing: {self.required[missing]}")
        if odd := next((name for name, value in given.items() if not isinstance(value, str)), None):
            raise BadRequest(f"{odd} must be a text")
        if long := next((name for name, value in given.items() if len(value) > MAX_ARGUMENT), None):
            raise BadRequest(f"{long} may have {MAX_ARGUMENT} characters; shorten it")
        return given


TOOLS: Mapping[str, Tool] = {
    tool.name: tool
    for tool in (
        Tool(
            name="what_is_red",
            sentence="List the red workflows of default branches, or of one project or branch: since when, what "
            "fails, who has it, who was told.",
            answer=lambda transaction, now, given: questions.what_is_red(transaction, now, **given),
            optional={"project": "its slug or name; without it, every one", "branch": "without it the default one"},
        ),
        Tool(
            name="why_did_it_fail",
            sentence="Tell why a build failed: jobs, failing tests with their messages, what is known of each (flaky, "
            "new, since when), and earlier builds with the same failure.",
            answer=lambda transaction, now, given: questions.why_did_it_fail(transaction, now, **given),
            required={"build": BUILD},
        ),
        Tool(
            name="is_it_flaky",
            sentence="Tell whether a test is flaky: its state, rates, evidence and last results.",
            answer=lambda transaction, now, given: questions.is_it_flaky(transaction, now, **given),
            required={"test": "the whole name of the test"},
            optional={"project": "the slug or name of its project"},
        ),
        Tool(
            name="who_was_told",
            sentence="Tell who was told of a build and how that went, and what each route decided and why.",
            answer=lambda transaction, now, given: questions.who_was_told(transaction, now, **given),
            required={"build": BUILD},
        ),
        Tool(
            name="what_changed",
            sentence="Tell what changed between the last green run and a red build: revisions and their authors.",
            answer=lambda transaction, now, given: questions.what_changed(transaction, now, **given),
            required={"build": BUILD},
        ),
        Tool(
            name="log_tail",
            sentence="Return the last lines of the log of each failed step of a build, as far as they are on record.",
            answer=lambda transaction, now, given: questions.log_tail(transaction, now, **given),
            required={"build": BUILD},
            optional={"job": "of this job alone"},
        ),
    )
}
