"""A message for Slack: rich text, a color, and buttons that are links.

In rich text a link, bold and code are elements and not markup, so text from outside is literal and links have names.
The title stands in a block of its own above the colored part: Slack shows the top-level ``text`` on lock screens, and
in the message only if there are no top-level blocks.
"""

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any

from service.message.blocks import Aside, Block, Line, Link, Untrusted, plain_text
from service.message.sanitize import one_line, truncate
from service.message.slack_limits import MAX_BUTTON_TEXT, MAX_TEXT, slack_problems
from service.message.truncate import shorter_versions
from service.model import Color, Mention, Message

COLORS = {Color.RED: "#c9302c", Color.GREEN: "#2e8540", Color.GREY: "#8a8f98"}
SEVERITY_COLORS = {"failure": COLORS[Color.RED], "success": COLORS[Color.GREEN], "warning": "#b26a00"}
EMOJI = {"failure": "red_circle", "success": "white_check_mark", "warning": "warning"}
OTHER_EMOJI = "white_circle"
PAGE = "Why did I get this?"
MAX_SHOWN = 3_500  # characters of the colored part: Slack folds away what is longer

Shape = dict[str, Any]
_BOLD, _CODE = {"bold": True}, {"code": True}


def slack_message(message: Message, *, color: str | None = None) -> Shape:
    """Return the text, blocks and attachment of a message, within Slack's limits.

    color   the one of the attachment; None: that of the severity
    """
    shown = color or SEVERITY_COLORS.get(message.severity, COLORS[Color.GREY])
    whole = message.story or (
        Block(lines=tuple((Untrusted(text=line),) for line in message.text.splitlines() if line)),
    )
    told = [block for block in whole if block.lines and not block.is_for and not block.has_acts]
    story = tuple(block for block in told if not _is_page_link(block, message.page))
    versions = (_payload(message, shorter, shown) for shorter in shorter_versions(story)) if story else iter(())
    return next((each for each in versions if _fits(each)), _payload(message, (), shown))


def escape_slack(text: str) -> str:
    """Return the text as Slack shows it literally where it reads markup."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _fits(payload: Shape) -> bool:
    shown = sum(_length(block) for attachment in payload["attachments"] for block in attachment["blocks"])
    return shown <= MAX_SHOWN and not slack_problems(payload)


def _length(shape: object) -> int:
    """Return the number of characters that people see of a shape."""
    if isinstance(shape, Mapping):
        return sum(
            len(value) if key == "text" and isinstance(value, str) else _length(value) for key, value in shape.items()
        )
    return sum(_length(value) for value in shape) if isinstance(shape, list) else 0


def _payload(message: Message, story: Sequence[Block], color: str) -> Shape:
    title = escape_slack(message.title)
    blocks = [*_rich_text(story), *_buttons(message.buttons), *_page_link(message)]
    attachments = [{"color": color, "fallback": title, "blocks": blocks}] if blocks else []
    return {"text": title, "blocks": [_title(message), *_for(message.mentions)], "attachments": attachments}


def _title(message: Message) -> Shape:
    text: Shape = {"type": "text", "text": f" {message.title}", "style": _BOLD}
    url = next((button.url for button in message.buttons), message.url)
    if url:
        text = {"type": "link", "url": url, "text": message.title, "style": _BOLD}
    mark = {"type": "emoji", "name": EMOJI.get(message.severity, OTHER_EMOJI)}
    space = [{"type": "text", "text": " "}] if url else []
    return {"type": "rich_text", "elements": [_section([mark, *space, text])]}


def _for(mentions: Sequence[Mention]) -> list[Shape]:
    """Return the people whom the message is for; those whom Slack knows are mentioned.

    It stands above the colored part, where a mention notifies.
    """
    elements = [_text("For ", None)]
    for number, mention in enumerate(mentions):
        known = {"type": "user", "user_id": mention.slack} if mention.slack else _text(one_line(mention.name, 80), None)
        elements += [*([_text(", ", None)] if number else []), known]
    return [{"type": "rich_text", "elements": [_section(elements)]}] if mentions else []


def _rich_text(story: Sequence[Block]) -> list[Shape]:
    parts = list(chain.from_iterable(_parts(block) for block in story))
    return [{"type": "rich_text", "elements": parts}] if parts else []


def _parts(block: Block) -> list[Shape]:
    """Return the parts of a block: a section, or with a heading a section and a list."""
    if not block.heading:
        lines = (_elements(line, name_style=None) for line in block.lines)
        elements = [element for line in lines if line for element in (*line, {"type": "text", "text": "\n"})]
        return [_section(elements[:-1])] if elements else []
    heading = _section([element | {"style": _BOLD} for element in _elements(block.heading, name_style=None)])
    items = [_section(_elements(line, name_style=_BOLD)) for line in block.lines]
    rest = [_section([{"type": "text", "text": block.rest}])] if block.rest else []
    items = [item for item in (*items, *rest) if item["elements"]]
    return [heading, {"type": "rich_text_list", "style": "bullet", "elements": items}] if items else [heading]


def _section(elements: list[Shape]) -> Shape:
    return {"type": "rich_text_section", "elements": _joined(elements)}


def _joined(elements: list[Shape]) -> list[Shape]:
    """Return the elements with texts of one style that follow each other as one text."""
    joined: list[Shape] = []
    for element in elements:
        last = joined[-1] if joined else {}
        is_more = last.get("type") == element["type"] == "text" and last.get("style") == element.get("style")
        if is_more and len(last["text"]) + len(element["text"]) <= MAX_TEXT:
            joined[-1] = last | {"text": last["text"] + element["text"]}
        else:
            joined.append(element)
    return joined


def _elements(line: Line, *, name_style: Shape | None) -> list[Shape]:
    found = (_piece(piece, name_style if position == 0 else None) for position, piece in enumerate(line))
    return [element for elements in found for element in elements if element.get("text")]


def _piece(piece: str | Untrusted | Link | Aside, style: Shape | None) -> list[Shape]:
    match piece:
        case Untrusted(text=words):
            return [_text(words, style)]
        case Link(words=words, url=url):
            text = "".join(word if isinstance(word, str) else word.text for word in words)
            return [_text(text, style) | {"type": "link", "url": url}]
        case Aside(words=words, is_module=is_module):
            code = None if is_module else _CODE
            return [_text(word, None) if isinstance(word, str) else _text(word.text, code) for word in words]
        case words:
            return [_text(words, None)]


def _text(words: str, style: Shape | None) -> Shape:
    return {"type": "text", "text": words} | ({"style": style} if style else {})


def _buttons(links: Sequence[Link]) -> list[Shape]:
    """Return the links as buttons.

    Nothing is received from Slack: each only leads to its page.
    """
    buttons = []
    for number, link in enumerate(links):
        words = truncate("".join(word if isinstance(word, str) else word.text for word in link.words), MAX_BUTTON_TEXT)
        text = {"type": "plain_text", "text": words}
        buttons.append({"type": "button", "action_id": f"link_{number}", "text": text, "url": link.url})
    return [{"type": "actions", "elements": buttons}] if buttons else []


def _page_link(message: Message) -> list[Shape]:
    """Return the link to our page as the small line below all else."""
    if not message.page:
        return []
    words = next((plain_text(block.lines[0]) for block in message.story if _is_page_link(block, message.page)), PAGE)
    text = f"<{escape_slack(message.page)}|{escape_slack(words)}>"
    return [{"type": "context", "elements": [{"type": "mrkdwn", "text": text}]}]


def _is_page_link(block: Block, page: str | None) -> bool:
    match block.lines:
        case ((Link(url=url),),):
            return url == page
    return False
