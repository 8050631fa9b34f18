"""Pieces of a vocabulary that look like junk: what they are, and examples.

python -c "from tokenizer.junk import junk_kind; print(junk_kind('â€™'))"
"""

import unicodedata
from collections.abc import Iterable, Mapping
from typing import Any

MIN_RUN = 4
"""From so many of one character on a piece is a run."""

EXAMPLES = 20

KINDS = ("replacement", "mojibake", "carriage_return", "private_use", "unassigned", "control", "run")
_CATEGORIES = {"Co": "private_use", "Cn": "unassigned"} | dict.fromkeys(("Cc", "Cf", "Zl", "Zp"), "control")
_KEPT_FORMAT = "\u200c\u200d"
"""Joiners that scripts need."""

NEVER_USED = "never_used"


def junk_kind(piece: str) -> str | None:
    """The first of these that a piece is, blanks as U+2581; None for a piece that looks like text.

    `replacement`: it holds U+FFFD, what was left of a broken byte. `mojibake`: it is UTF-8 that was read as
    Windows-1252 or Latin-1, such as `â€™`. `carriage_return`: it ends a line as Windows does, so that the same text has
    other tokens. `private_use`, `unassigned`, `control`: it holds a character of this kind (control: format characters
    and U+2028, U+2029 too, but no joiners). `run`: four of one character or more; blanks are left out, code needs them.
    """
    text = piece.replace("▁", " ")
    if "\ufffd" in text:
        return "replacement"
    if _is_mojibake(text):
        return "mojibake"
    if "\r" in text:
        return "carriage_return"
    for character in text:
        kind = _CATEGORIES.get(unicodedata.category(character))
        if kind and character not in _KEPT_FORMAT:
            return kind
    bare = text.strip(" ")
    return "run" if len(bare) >= MIN_RUN and len(set(bare)) == 1 else None


def _is_mojibake(text: str) -> bool:
    """Would its non-ASCII characters, as bytes of a one-byte code, have been UTF-8?"""
    if text.isascii():
        return False
    return any(_reads_as_utf8(text, encoding) for encoding in ("cp1252", "latin-1"))


def _reads_as_utf8(text: str, encoding: str) -> bool:
    try:
        text.encode(encoding).decode("utf-8")
    except UnicodeError:
        return False
    return True


def junk_figures(pieces: Mapping[int, str], unused: Iterable[int] | None) -> dict[str, Any]:
    """By kind: how many of the pieces, and examples, the longest first.

    `unused` are the ids that no text measured has used, None where nothing was measured: then `never_used` is null.
    """
    found: dict[str, list[str]] = {kind: [] for kind in KINDS}
    for piece in pieces.values():
        if kind := junk_kind(piece):
            found[kind].append(piece)
    figures: dict[str, Any] = {kind: _figure(held) for kind, held in found.items()}
    figures[NEVER_USED] = None if unused is None else _figure([pieces[i] for i in unused if i in pieces])
    return figures


def _figure(pieces: list[str]) -> dict[str, Any]:
    examples = sorted(pieces, key=lambda piece: (-len(piece), piece))[:EXAMPLES]
    return {"pieces": len(pieces), "examples": examples}
