"""A message at Slack as a page: the blocks that Slack is sent, drawn as Slack draws them, by us."""

from html import escape
from typing import Any

STYLE = """
:root { --ink: #1d1c1d; --paper: #ffffff; --muted: #616061; --link: #1264a3; --line: #d0d0d0; --code: #c01343; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #d1d2d3; --paper: #1a1d21; --muted: #ababad; --link: #4ea6df; --line: #565856; --code: #e8912d; }
}
body { margin: 0; padding: 16px 20px; background: var(--paper); color: var(--ink); font: 15px/1.47 "Lato", "Noto Sans",
  system-ui, "DejaVu Sans", sans-serif; display: grid; grid-template-columns: 36px 1fr; gap: 0 10px; }
.face { width: 36px; height: 36px; border-radius: 6px; background: #24303f; }
.app { padding: 1px 4px; border-radius: 3px; background: var(--line); font-size: 10px; vertical-align: 1px; }
small, .context { color: var(--muted); font-size: 12.5px; }
.attachment { margin-top: 4px; padding-left: 14px; border-left: 4px solid; border-radius: 2px; }
.attachment > * { white-space: pre-line; }
a { color: var(--link); text-decoration: none; }
code { padding: 1px 4px; border: 1px solid var(--line); border-radius: 3px; color: var(--code); font-size: 12.5px; }
ul { margin: 2px 0; padding-left: 22px; }
.circle { display: inline-block; width: 15px; height: 15px; border-radius: 50%; vertical-align: -2px; }
.button { display: inline-block; margin: 8px 8px 4px 0; padding: 4px 12px; border: 1px solid var(--line);
  border-radius: 5px; font-weight: 700; }
"""
CIRCLES = {"red_circle": "#dd2e44", "large_green_circle": "#78b159"}  # fonts of emoji are not on every machine
TAGS = {"bold": "b", "code": "code", "italic": "i"}


def slack_page(payload: dict[str, Any], *, at: str) -> str:
    """Return the page of a message."""
    body = "".join(map(_block, payload["blocks"]))
    for one in payload["attachments"]:
        body += (
            f'<div class="attachment" style="border-color: {one["color"]}">{"".join(map(_block, one["blocks"]))}</div>'
        )
    said = f'<b>Roundsman</b> <span class="app">APP</span> <small>{at}</small>'
    return f"<!doctype html><meta charset=utf-8><style>{STYLE}</style><div class=face></div><div>{said}<br>{body}</div>"


def _block(block: dict[str, Any]) -> str:
    match block["type"]:
        case "rich_text":
            return "".join(map(_part, block["elements"]))
        case "actions":
            return "".join(f'<span class="button">{escape(one["text"]["text"])}</span>' for one in block["elements"])
        case _:
            words = (one["text"].strip("<>").rpartition("|")[2] for one in block["elements"])
            return f'<div class="context"><a>{escape(" ".join(words))}</a></div>'


def _part(part: dict[str, Any]) -> str:
    if part["type"] == "rich_text_list":
        return f"<ul>{''.join(f'<li>{_part(one)}</li>' for one in part['elements'])}</ul>"
    return f"<div>{''.join(map(_inline, part['elements']))}</div>"


def _inline(one: dict[str, Any]) -> str:
    match one["type"]:
        case "emoji":
            return f'<span class="circle" style="background: {CIRCLES.get(one["name"], "none")}"></span>'
        case kind:
            words = escape(one["text"])
            for style in one.get("style", {}):
                words = f"<{TAGS[style]}>{words}</{TAGS[style]}>"
            return f"<a>{words}</a>" if kind == "link" else words
