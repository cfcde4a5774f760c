"""The state of a branch as a badge: a picture, or shields.io's JSON for it."""

import unicodedata
from dataclasses import dataclass
from xml.etree.ElementTree import Element

from service.message import one_line
from service.operations.json_shapes import Json
from service.operations.overviews.status import GREEN, RED
from service.web.feeds.xml_text import add, document

MEDIA_TYPE = "image/svg+xml"
MESSAGES = {GREEN: "passing", RED: "failing"}
FILLS = {GREEN: "#2a7a3b", RED: "#c0271d"}  # white on each of them has a contrast of 4.5 or more
LABEL_FILL, UNKNOWN_FILL = "#444444", "#666666"
COLORS = {GREEN: "success", RED: "critical"}
MAX_LABEL = 60
HEIGHT, PADDING = 20, 6
LETTER_WIDTHS = {**dict.fromkeys("fijlrtI.,:;'|!()[]/- ", 4.2), **dict.fromkeys("mwMW@%", 10.0)}
CAPITAL_WIDTH, OTHER_WIDTH, IDEOGRAPH_WIDTH = 7.8, 6.8, 12.0
FONT = "Verdana, DejaVu Sans, sans-serif"


@dataclass(frozen=True, kw_only=True)
class Badge:
    """A badge.

    label   the name of what it is about
    state   red, green or unknown
    """

    label: str
    state: str

    @property
    def message(self) -> str:
        """Return the state in words."""
        return MESSAGES.get(self.state, "unknown")


def render_svg(badge: Badge) -> bytes:
    """Return a badge as a picture, which has no script, style or outside address."""
    label, message = one_line(badge.label, MAX_LABEL), badge.message
    left, right = _width(label), _width(message)
    size = {"width": f"{left + right}", "height": f"{HEIGHT}"}
    title = f"{label}: {message}"
    root = Element("svg", {"xmlns": "http://www.w3.org/2000/svg", "role": "img", **size})
    add(root, "title", title)
    add(root, "rect", width=f"{left + right}", height=f"{HEIGHT}", rx="3", fill=FILLS.get(badge.state, UNKNOWN_FILL))
    add(root, "path", d=f"M3 0H{left}V{HEIGHT}H3A3 3 0 0 1 0 {HEIGHT - 3}V3A3 3 0 0 1 3 0Z", fill=LABEL_FILL)
    for text, begins, width in ((label, 0, left), (message, left, right)):
        place = {"x": f"{begins + PADDING}", "y": "14", "textLength": f"{width - 2 * PADDING}"}
        style = {"lengthAdjust": "spacingAndGlyphs", "fill": "#ffffff", "font-family": FONT, "font-size": "11"}
        add(root, "text", text, **place, **style)
    return document(root)


def shields_json(badge: Badge) -> Json:
    """Return the shape that shields.io's endpoint badge reads.

    Source: shields.io, "Endpoint Badge", schema version 1.
    """
    return {
        "schemaVersion": 1,
        "label": one_line(badge.label, MAX_LABEL),
        "message": badge.message,
        "color": COLORS.get(badge.state, "lightgrey"),
    }


def _width(text: str) -> int:
    """Return the pixels of a text with its padding, about as wide as Verdana draws it."""
    return round(sum(map(_letter_width, text or " "))) + 2 * PADDING


def _letter_width(letter: str) -> float:
    if unicodedata.east_asian_width(letter) in "WF":
        return IDEOGRAPH_WIDTH
    return LETTER_WIDTHS.get(letter, CAPITAL_WIDTH if letter.isupper() else OTHER_WIDTH)
