"""HTML that is escaped by construction: an element takes text, and only this module makes markup."""

import base64
import hashlib
import html
import unicodedata
from collections.abc import Iterable, Sequence

_KEPT_FORMAT = "\u200c\u200d"  # joiners that scripts need
LABEL_BYTES, TEXT_BYTES = 300, 1200
"""So much of a document's title or origin, and of its text, is shown at most."""
_VOID = ("input",)
_HIDDEN = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")


class Html(str):
    """Markup that has been put together by `element`."""

    __slots__ = ()


def visible(text: str) -> str:
    """The text with each control, direction mark, surrogate and unassigned character shown by its code point."""
    return "".join(_shown(character) for character in text)


def _shown(character: str) -> str:
    if character in ("\n", "\t") or character in _KEPT_FORMAT or unicodedata.category(character) not in _HIDDEN:
        return character
    return f"⟨U+{ord(character):04X}⟩"


def element(name: str, *children: str, **attributes: str | int | float) -> Html:
    """An element. Children that are not `Html` are text; `class_` and `data_x` stand for `class` and `data-x`."""
    named = ((key.rstrip("_").replace("_", "-"), _escaped(str(value))) for key, value in attributes.items())
    opened = "".join(f' {key}="{value}"' for key, value in named)
    inner = "".join(child if isinstance(child, Html) else _escaped(child) for child in children)
    return Html(f"<{name}{opened}>" if name in _VOID else f"<{name}{opened}>{inner}</{name}>")


def beginning(text: str, most: int) -> str:
    """The first characters of a text, as many as take `most` bytes where they are shown."""
    size = 0
    for place, character in enumerate(text):
        size += len(_escaped(character).encode())
        if size > most:
            return text[:place]
    return text


def joined(parts: Iterable[Html]) -> Html:
    """Elements one after the other."""
    return Html("\n".join(parts))


def table(caption: str, headings: Sequence[str], rows: Iterable[Sequence[str]], *, numbers: int = 0) -> Html:
    """A table whose first column heads its rows; the columns from the second on are numbers, `numbers` of them."""
    kinds = ["number"] * numbers + ["text"] * (len(headings) - 1 - numbers)
    named = zip(headings, ["text", *kinds], strict=True)
    head = element("tr", *(element("th", heading, scope="col", class_=kind) for heading, kind in named))
    body = []
    for first, *others in rows:
        cells = (element("td", cell, class_=kind) for cell, kind in zip(others, kinds, strict=True))
        body.append(element("tr", element("th", first, scope="row"), *cells))
    whole = element("table", element("caption", caption), element("thead", head), element("tbody", joined(body)))
    return element("div", whole, class_="scroll", role="region", aria_label=caption, tabindex=0)


def quoted(title: str, about: Html, text: str) -> Html:
    """A document to look at: its title, where it has one, what is said about it, and how its text begins."""
    head = [element("p", element("bdi", beginning(title, LABEL_BYTES)))] if title else []
    return element("blockquote", *head, about, element("pre", beginning(text, TEXT_BYTES), dir="auto"))


def document(title: str, style: str, body: Html, script: str = "") -> str:
    """A whole page that may fetch nothing, and run nothing but this script."""
    policy = "default-src 'none'; style-src 'unsafe-inline'"
    if script:
        policy += f"; script-src 'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"
        body = joined([body, element("script", Html(script))])
    head = (
        f'<meta charset="utf-8">\n<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{_escaped(title)}</title>\n<style>{style}</style>"
    )
    return f'<!doctype html>\n<html lang="en">\n<head>\n{head}\n</head>\n<body>\n{body}\n</body>\n</html>\n'


def _escaped(text: str) -> str:
    return html.escape(visible(text), quote=True)
