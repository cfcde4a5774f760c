"""Compose the message of a notification at the moment of its sending."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from service.circleci.webhook.settings_body import read_news
from service.db.tables import Transaction
from service.message import Story, apply_templates, compose, compose_settings
from service.model import (
    DetailKind,
    Details,
    Event,
    EventKind,
    Incident,
    Line,
    Mention,
    Message,
    MessageFacts,
    News,
    Notification,
)
from service.pipeline.context import Context
from service.pipeline.judgment.facts_of_red import with_red_facts
from service.pipeline.news.hold_ends import hold_notes
from service.pipeline.news.link_acts import with_act_links
from service.pipeline.news.own_news import compose_of
from service.pipeline.planning.reminders import reminder_notes
from service.pipeline.sending.joint_message import compose_joint
from service.pipeline.waits.patience import rerun_notes
from service.pipeline.waits.quiet import SUMMARY, quiet_notes
from service.pipeline.waits.quiet_summary import compose_summary
from service.pipeline.waits.summaries import kind_of
from service.routing.people import author, find_mentions
from service.store.deliveries import deliveries
from service.store.events import events
from service.store.incidents import incidents
from service.store.runs.same_names import definition_of
from service.text import definition_digits


@dataclass(frozen=True, kw_only=True)
class Subject:
    """The event of a message, with its details.

    problems   lines on the known problems in them
    """

    event: Event
    details: Details | None
    problems: Sequence[Line] = ()


def compose_message(
    transaction: Transaction, context: Context, notification: Notification, subject: Subject | None
) -> Message:
    """Return the message of a notification, whose own news it tells without a subject."""
    if kind_of(notification) is not None:
        return compose_joint(
            transaction, context, notification, lambda one, about: _mentions(transaction, context, one, about)
        )
    if notification.news is News.SUMMARY and notification.topic.startswith(SUMMARY):
        return compose_summary(transaction, context, notification)
    if subject is None:
        return compose_of(notification)
    event = subject.event
    event_url = f"{context.public_url}/builds/{event.id}#why" if context.public_url else None
    if event.kind is EventKind.SETTINGS_CHANGED:
        news = read_news(deliveries.find_for_display(transaction, event.id).body)
        facts = _facts(context, notification, event, None)
        message = compose_settings(event, news, event_url=event_url, facts=facts)
        return _in_own_words(context, notification, Story(event=event, details=None, facts=facts, message=message))
    details = _shown(context, notification, subject.details)
    facts = _facts(context, notification, event, _incident(transaction, event))
    facts = replace(facts, notes=(*facts.notes, *_notes(transaction, event), *subject.problems))
    facts = with_red_facts(transaction, context, facts, event, details=details)
    if route := context.route(notification.route):
        culprits = [author(one.author_name, one.author_email) for one in facts.red.culprits.suspects]
        found = find_mentions(
            event, details, route.mention, people=context.people, culprits=[one for one in culprits if one]
        )
        facts = replace(facts, mentions=found)
    message = compose(event, details, event_url=event_url, facts=facts)
    story = Story(event=event, details=details, facts=facts, message=message)
    return with_act_links(context, notification, event, _in_own_words(context, notification, story))


def _in_own_words(context: Context, notification: Notification, story: Story) -> Message:
    """Return the message with the templates of its receiver, if it has any."""
    receiver = context.receivers.get(notification.receiver)
    return story.message if receiver is None else apply_templates(receiver, story)


def _notes(transaction: Transaction, event: Event) -> tuple[Line, ...]:
    return (*hold_notes(transaction, event), *_definition_notes(transaction, event))


def _definition_notes(transaction: Transaction, event: Event) -> tuple[Line, ...]:
    """Return the sentence that tells a workflow from another of its name."""
    definition = definition_of(transaction, event)
    if definition is None:
        return ()
    return ((f"Of the pipeline definition {definition_digits(definition)}: another one has a workflow of that name.",),)


def _mentions(
    transaction: Transaction, context: Context, notification: Notification, event: Event
) -> Sequence[Mention]:
    """Return the people whom the message of these news alone would be for."""
    route = context.route(notification.route)
    if route is None or not route.mention:
        return ()
    subject = Subject(event=event, details=events.find_details(transaction, event.id))
    return compose_message(transaction, context, notification, subject).mentions


def _shown(context: Context, notification: Notification, details: Details | None) -> Details | None:
    """Return the details that a message shows: logs only where its route does."""
    route = context.route(notification.route)
    if details is None:
        return None
    shown = replace(details, missing=tuple(one for one in details.missing if one.want is not DetailKind.STEPS))
    if route and route.has_log:
        return shown
    jobs = None if shown.jobs is None else tuple(replace(job, step=None) for job in shown.jobs)
    missing = tuple(one for one in shown.missing if one.want is not DetailKind.LOG)
    return replace(shown, jobs=jobs, missing=missing)


def _facts(context: Context, notification: Notification, event: Event, incident: Incident | None) -> MessageFacts:
    return MessageFacts(
        news=notification.news,
        notes=(
            *quiet_notes(context, notification, event),
            *rerun_notes(notification, event),
            *reminder_notes(notification, event, incident, context.clock()),
        ),
        taken=incident.taken if incident else None,
        closed_because=incident.closed_because if incident else None,
        red_reruns=event.workflow.auto_rerun_number or 0,
    )


def _incident(transaction: Transaction, event: Event) -> Incident | None:
    incident_id = event.run.incident_id if event.run else None
    return incidents.find_all(transaction, {incident_id}).get(incident_id) if incident_id else None
