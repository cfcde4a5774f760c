"""A notification in words: one story of an event, told as text, as Markdown and as HTML.

Everything that came from outside is ``Untrusted`` in the story, and each form escapes it in its own way, so that a
commit subject of ``<!channel> *x* <script>`` arrives as exactly these characters.
"""

from service.message.channel_test import compose_test
from service.message.compose import compose
from service.message.formats import Form
from service.message.mail import mail_html, mail_text
from service.message.markup_guard import guarded
from service.message.sanitize import is_unseen, one_line, visible
from service.message.truncate import Room, fit, fit_room, fit_story

__all__ = [
    "Form",
    "Room",
    "compose",
    "compose_test",
    "fit",
    "fit_room",
    "fit_story",
    "guarded",
    "is_unseen",
    "mail_html",
    "mail_text",
    "one_line",
    "visible",
]
