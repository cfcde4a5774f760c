"""The two parts of a mail, each complete: plain text, and HTML for any screen.

The HTML fits a phone and a wide screen, in light and in dark mode.
"""

from service.message.formats import Form, literal_html
from service.message.truncate import RenderOptions, render_body
from service.model import Message

MAX_CHARACTERS = 60_000  # of a part: some mail programs show no more than a hundred kilobytes of a mail
MARKS = {"success": ("\N{CHECK MARK}", "#388e3c"), "failure": ("\N{MULTIPLICATION X}", "#d32f2f")}
OTHER_MARK = ("\N{BULLET}", "#b26a00")

# The colors of text and background are the mail program's, so that they match in its dark mode. Names of tests have no
# spaces: without a break inside them the mail would be wider than a phone.
DOCUMENT = """\
<!DOCTYPE html>
<html>
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark">
</head>
<body style="margin:0;padding:16px">
<div style="max-width:40em;font-family:sans-serif;line-height:1.5;overflow-wrap:anywhere;word-break:break-word">
{head}
{body}
</div>
</body>
</html>
"""
HEAD = """\
<p style="margin:0 0 16px;padding-left:12px;border-left:4px solid {color}">{place}
<b style="font-size:1.2em"><span style="color:{color}">{mark}</span> {news}</b></p>"""


def mail_text(message: Message) -> str:
    """Return the plain part: project and branch, the news, and the story with URLs."""
    mark, _ = MARKS.get(message.severity, OTHER_MARK)
    place, news = _headline(message)
    head = "\n".join(line for line in (place, f"{mark} {news}") if line)
    return f"{head}\n\n{render_body(message, Form.TEXT, RenderOptions(max_length=MAX_CHARACTERS - len(head)))}\n"


def mail_html(message: Message, *, max_length: int = MAX_CHARACTERS) -> str:
    """Return the HTML part: a complete document that loads nothing."""
    mark, color = MARKS.get(message.severity, OTHER_MARK)
    place, news = (literal_html(words) for words in _headline(message))
    head = HEAD.format(color=color, mark=mark, place=f"{place}<br>" if place else "", news=news)
    options = RenderOptions(max_length=max_length - len(DOCUMENT) - len(head))
    return DOCUMENT.format(head=head, body=render_body(message, Form.HTML, options))


def _headline(message: Message) -> tuple[str, str]:
    """Return project and branch, and the news; for a test message only its title."""
    about = message.headline
    if about is None:
        return "", message.title
    return ", ".join(filter(None, (about.project, about.place))), about.news
