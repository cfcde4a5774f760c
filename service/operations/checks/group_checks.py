"""A check of groups: channels that get a message for each incident all the same."""

from collections.abc import Iterator

from service.config.configuration import Config
from service.operations.checks.checks import Finding, Grade
from service.pipeline.waits.summaries import needs_message_each


def check_groups(config: Config) -> Iterator[Finding]:
    """Yield a note on each route with a group that some of its channels do not follow."""
    for route in config.routes:
        receiver = config.receivers.get(route.receiver)
        alone = [one.label for one in receiver.channels if needs_message_each(one)] if receiver and route.group else []
        if alone:
            sentence = f"{', '.join(alone)} gets a message of its own for each incident: `group` is for the others"
            yield Finding(what=f"route {route.name!r}", grade=Grade.NOTE, sentence=sentence)
