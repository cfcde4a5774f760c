"""Messages: the story of an event, rendered as text, Markdown and HTML.

Everything that came from outside is ``Untrusted`` in the story, and each form escapes it in its own way, so that a
commit subject of ``<!channel> *x* <script>`` arrives as exactly these characters.
"""

from service.message.compose import compose, compose_test
from service.message.formats import Form, Guard
from service.message.mail import mail_html, mail_text
from service.message.markup_guard import guard_hosts, guard_hosts_visibly, guard_markup
from service.message.sanitize import one_line
from service.message.settings_news import compose_settings
from service.message.slack import slack_message
from service.message.slack_limits import slack_problems
from service.message.templates import Story, apply_templates, template_problem
from service.message.truncate import RenderOptions, fit_story, render_body

__all__ = [
    "Form",
    "Guard",
    "RenderOptions",
    "Story",
    "apply_templates",
    "compose",
    "compose_settings",
    "compose_test",
    "fit_story",
    "guard_hosts",
    "guard_hosts_visibly",
    "guard_markup",
    "mail_html",
    "mail_text",
    "one_line",
    "render_body",
    "slack_message",
    "slack_problems",
    "template_problem",
]
