"""The message of settings that have changed at CircleCI."""

from collections.abc import Iterator
from dataclasses import replace

from service.message.blocks import Block, Line, link, plain_text, untrusted
from service.message.own import compose_story
from service.message.sanitize import safe_url
from service.model import Event, Message, MessageFacts, SettingsNews
from service.text import capitalize_first

MAX_LISTED = 20
MAX_CHARACTERS = 600


def compose_settings(event: Event, news: SettingsNews, *, event_url: str | None, facts: MessageFacts) -> Message:
    """Return the message of changes, which names the first ``MAX_LISTED``.

    event_url   our page about the event, which shows the decisions: "Why did I get this?"
    """
    place = plain_text(untrusted(event.project_name or event.org, 100) or ("a project",))
    title = _title(place, news)
    message = compose_story(title, _blocks(news, event_url, facts), severity="warning")
    subject = f"settings:{event.project.slug or event.org}"
    return replace(message, subject=subject, page=safe_url(event_url), news=facts.news, mentions=facts.mentions)


def _title(place: str, news: SettingsNews) -> str:
    if news.count == 1 and news.sentences:
        return plain_text(_sentence(news.sentences[0]))
    return f"{place}: {news.count or 'some'} settings changed at CircleCI"


def _blocks(news: SettingsNews, event_url: str | None, facts: MessageFacts) -> Iterator[Block]:
    if facts.notes:
        yield Block(lines=facts.notes)
    named = news.sentences[:MAX_LISTED]
    lines = tuple(map(_sentence, named)) or (("What changed is no longer on record.",),)
    if len(lines) == 1:
        yield Block(lines=lines)
    else:
        yield Block(heading=("Changed at CircleCI",), lines=lines, more=max(news.count - len(named), 0))
    if event_url:
        yield Block(lines=(link(("Why did I get this?",), event_url),))


def _sentence(text: str) -> Line:
    return untrusted(capitalize_first(text), MAX_CHARACTERS)
