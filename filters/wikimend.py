"""Mends a line where a template or a reference was dropped: no `( , )`, no blank before a comma, no doubled blank."""

import re

HOLE = "\x00"
"""Stands where something was dropped, so that what it leaves behind can be mended there and nowhere else."""

_BLANKS = " \t"
_STOPS = " \t,;:·"
_SEPARATORS = _STOPS + "•/–—-"
_PAIRS = {"(": ")", "（": "）", "[": "]", "«": "»", "„": "“", "“": "”", "‘": "’"}
_LIST_MARKS = "*#:;"
_AFTER_LABEL = " \t:·•–—"
_BRACKETS = frozenset("(（[")
_CLOSING = tuple(")）]")
_REACH_CHARS = 100
"""How far back from a hole is looked: with a whole line the time would be quadratic."""
_FULL_STOP = re.compile(r"[ \t]*\.(?![.\w])(?![ \t]\.)")
_LABEL = re.compile(r"([(（,;])[ \t]?[^\W\d_][^():;,\n\d]{0,30}:[ \t]{0,3}$")


def mend_holes(line: str) -> str:
    """The line with its holes closed, and what was written around what they held."""
    tail, *pieces = line.split(HOLE)
    mended: list[str] = []
    for place, piece in enumerate(pieces, 1):
        mended.append(tail[:-_REACH_CHARS])
        tail = _join(tail[-_REACH_CHARS:], piece, another=place < len(pieces))
    return "".join(mended) + tail


def _join(before: str, after: str, *, another: bool) -> str:
    """Two sides of a hole; `another` hole follows what comes after this one."""
    bare = after.lstrip(_STOPS)
    if bare.startswith(_CLOSING) or after.startswith((",", ";")):
        before = _without_label(before)
    opened = before.rstrip(_SEPARATORS)
    if opened and opened[-1] in _PAIRS:
        closing = _PAIRS[opened[-1]]
        nothing = after.lstrip(_SEPARATORS)
        if nothing.startswith(closing):
            return _closed(opened[:-1], nothing[1:])
        if another and not nothing:
            return opened
    trimmed = before.rstrip(_STOPS)
    if trimmed and trimmed[-1] in _BRACKETS:
        return trimmed + bare
    if bare.startswith(_CLOSING):
        return before.rstrip(",; \t") + bare
    if after.lstrip(_BLANKS).startswith((",", ";", ".")):
        stop = before.rstrip(_BLANKS)
        if stop.endswith((",", ";")) or _ends_twice(stop, after):
            before = stop[:-1]
        elif stop.endswith(":"):
            after = " " + bare
    return _closed(before, after)


def _closed(before: str, after: str) -> str:
    """Both sides with one blank between them, or none before a stop, where there were blanks."""
    left, right = before.rstrip(_BLANKS), after.lstrip(_BLANKS)
    if not left.strip(_LIST_MARKS):  # What a line or a list's item began with is gone, and so is its full stop.
        right = right.removeprefix(". ")
        return f"{left} {right.lstrip(_AFTER_LABEL)}" if left else right.lstrip(_AFTER_LABEL)
    if not right or right[0] in ",.)":
        return left + right
    if right[0] in ";:!?»":  # French has a blank here; it stands behind the hole, then.
        return left + (after if len(right) < len(after) and len(left) == len(before) else right)
    parted = len(left) < len(before) or len(right) < len(after)
    return f"{left} {right}" if parted or (left[-1] in ".!?" and right[0].isupper()) else left + right


def _ends_twice(before: str, after: str) -> bool:
    """A sentence that ended before what is gone, and ends again behind it: three dots and more are meant."""
    return before.endswith(".") and not before.endswith("..") and _FULL_STOP.match(after) is not None


def _without_label(before: str) -> str:
    """`(Russian: ` without the label, which spoke of what is gone."""
    label = _LABEL.search(before)
    return before[: label.end(1)] if label and before.rfind("(") > before.rfind(")") else before
