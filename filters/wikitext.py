"""Wikitext to plain text: brackets and tags first, then marks within lines, then the lines themselves.

`wikitext_to_text("[[Paris|The city]] {{infobox}}").text` is `"The city"`.
"""

import html
import re
from dataclasses import dataclass

from filters.wikibrackets import Resolved, TooTangledError, resolve_brackets
from filters.wikilayout import lay_out, restore
from filters.wikimend import HOLE
from filters.wikisimple import drop_marks

MAX_CHARS = 4 << 20
"""A longer page is no article: MediaWiki lets a page hold half as many bytes."""

_EXTERNAL_LINK = re.compile(
    r"\[(?:(?:https?:|ftp:)?//|mailto:|news:|irc:)[^\s\[\]]*+[ \t]*+([^\[\]\n]*+)\]", re.IGNORECASE
)
_QUOTES = re.compile(r"'{2,}+")
_APOSTROPHES = {2: "", 3: "", 5: ""}
_ELIDED = re.compile(r"(?<![^\W\d_])(?:[cdjlmnst]|qu|un|(?:[adns]|de|da|su|ne)ll)$", re.IGNORECASE)
_TITLE = re.compile(r"[^'\n]{1,80}''(?!')")
_MAGIC_WORD = re.compile(r"__([^\W\d_](?:[^\W\d_]|_(?!_)){1,40}[^\W\d_])__")
_MACROS = frozenset("COUNTER DATE FILE FUNCTION LINE TIME VA_ARGS".split())
"""What articles on C write in the form of MediaWiki's magic words."""
_VARIANT = re.compile(r"-\{([^{}\n]{0,500}+)\}-")
_CONTROLS = bytes(code for code in range(32) if chr(code) not in "\t\n")
_INVISIBLE = ("\u200b", "\u200e", "\u200f", "\u00ad", "\ufeff")
_FIXED_BLANKS = ("\u00a0", "\u202f", "\u2007", "\u2009")


@dataclass(frozen=True, slots=True)
class PlainText:
    """A page's text.

    `unbalanced` where brackets or tables never closed, `simplified` where the page was too tangled or too long to be
    read as it should be.
    """

    text: str
    unbalanced: bool
    simplified: bool


def wikitext_to_text(wikitext: str, language: str | None = None) -> PlainText:
    """Readable paragraphs, lists and headings of a wikitext page; `language` names the wiki's own words."""
    text = wikitext.replace("\r\n", "\n").encode("utf-8", "replace").translate(None, _CONTROLS).decode()
    resolved, simplified = _resolve(text, language)
    text = _EXTERNAL_LINK.sub(lambda match: match[1] or HOLE, resolved.text)
    text = _QUOTES.sub(_apostrophe, text)
    text = _MAGIC_WORD.sub(lambda match: "" if match[1].isupper() and match[1] not in _MACROS else match[0], text)
    if language in ("sr", "zh"):
        text = _VARIANT.sub(_first_variant, text)
    text = html.unescape(text)
    for character in _INVISIBLE:
        text = text.replace(character, "")
    for character in _FIXED_BLANKS:
        text = text.replace(character, " ")
    return PlainText(restore(lay_out(text), resolved.verbatim), resolved.unbalanced, simplified)


def _resolve(text: str, language: str | None) -> tuple[Resolved, bool]:
    """The page's brackets resolved, and whether only the simple way could."""
    if len(text) <= MAX_CHARS:
        try:
            return resolve_brackets(text, language), False
        except TooTangledError:
            pass
    return Resolved(drop_marks(text, language), [], unbalanced=True), True


def _apostrophe(match: re.Match[str]) -> str:
    """What is left of quotation marks for bold and italic: an elision before a title keeps its apostrophe."""
    text, start, end = match.string, match.start(), match.end()
    if end - start == 3 and text[max(0, start - 1) : start].isalpha():
        if _ELIDED.search(text[max(0, start - 6) : start]) and _TITLE.match(text, end):
            return "'"
        return ""
    return _APOSTROPHES.get(end - start, "'")


def _first_variant(match: re.Match[str]) -> str:
    """`-{sr-ec:а; sr-el:a}-` is one word in two scripts: the first is kept; flags as in `-{T|…}-` show nothing."""
    if "|" in match[1]:
        return ""
    first = match[1].split(";")[0]
    return first.split(":", 1)[-1].strip()
