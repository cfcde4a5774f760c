"""XML as bytes, without the characters that XML lacks."""

import re
from xml.etree.ElementTree import Element, SubElement, tostring

from service.text import MARK

# XML 1.0, section 2.2: these cannot stand in a document, not even escaped
NOT_XML = re.compile("[^\\t\\n\\r\\x20-\\ud7ff\\ue000-\\ufffd\\U00010000-\\U0010ffff]")


def xml_text(text: str) -> str:
    """Return text with U+FFFD in place of characters that XML lacks."""
    return NOT_XML.sub(MARK, text)


def add(parent: Element, tag: str, text: str | None = None, **attributes: str) -> Element:
    """Append an element, and return it."""
    element = SubElement(parent, tag, {name: xml_text(value) for name, value in attributes.items()})
    element.text = None if text is None else xml_text(text)
    return element


def document(root: Element) -> bytes:
    """Return a whole document, in UTF-8."""
    body: bytes = tostring(root, encoding="utf-8", xml_declaration=True)
    return body
