"""Finds the notes in which a transcriber tells how a file was made from its book, before the book and behind it.

Such a note speaks of the file: which signs stand for italics, which errors of the print were mended, where the
pictures are. It is no part of the book. A foreword or a note of the book's own editor speaks of the book, and stays.
"""

import re

MAX_FRONT_LINES = 120
MAX_BACK_LINES = 400
_WITHOUT_MARK_LINES = 25
_LINE_CHARS = 400
_NOTE = r"notes?|remarks?|comments?"
_MARK = re.compile(
    rf"[\W_]{{0,6}}(?:transcribers?['’]?s?['’]? (?:end-?)?(?:{_NOTE}|corrections|errata)|transcription {_NOTE}"
    rf"|(?:{_NOTE}) (?:by|from|of) (?:the )?transcriber|e-?text transcriber['’]?s {_NOTE}"
    r"|notes? (?:de|du|de la|sur la|au sujet de la) transcri\w+|anmerkung(?:en)? (?:zur|der|des) transkri\w+"
    r"|(?:bemerkungen|hinweise?) zur transkription|opmerkingen van de (?:bewerker|transcri\w+)"
    r"|nota (?:del|de la|de|di) tra(?:n)?s[ck]ri\w+|notas? d[aeo]l? transcri\w+"
    r"|(?:huomautus|huomautuksia) sähköi\w+"
    r"|this (?:text|e-?text|file|e-?book) (?:includes|uses|contains) .{0,40}"
    r"(?:characters that require|utf-8|unicode))\b",
    re.I,
)
_SIGNS = re.compile(
    r"(?:itali[cq]s?|italiques?|kursiv|cursief|cursiv|corsivo|cursiva|bastardilla|gesperrt|small[- ]cap|boldface)"
    r".{0,200}?(?:\b_\w|=\w{3}|~\w|underscore|unterstrich)"
    r"|_(?:itali\w+|kursiv|cursief|corsivo|cursiva)_",
    re.I | re.S,
)
"""The sentence of a note that explains signs of plain text."""
_MENDED = re.compile(
    r"typographical errors|printer['’]s errors|erreurs typographiques|fautes d['’]impression|livre électronique"
    r"|druckfehler|satzfehler|zetfouten|drukfouten|errori tipografici|errores tipográficos|erros tipográficos"
    r"|obvious (?:printing|spelling|punctuation) errors|painovirhe",
    re.I,
)
"""What a note without a name says in its first lines."""
_SEPARATOR = re.compile(r"[ \t]*(?:(?:\*[ \t]*){3,}|[-_=~][-_=~ \t]{4,})$")
_BOX = re.compile(r"[ \t]*(?:\+[-=+]{5,}\+?|\|.*\|?)[ \t]*$")
_CHAPTER = re.compile(
    r"[ \t]*(?:CHAPTER|CHAPITRE|KAPITEL|HOOFDSTUK|CAPITOLO|CAP[IÍ]TULO|BOOK|PART|ACT|SCENE)\b[^.]{0,60}\.?$"
)


def after_notes(lines: list[str], start: int, end: int) -> int:
    """Index of the first line behind a note that stands at `start`; `start` where there is none."""
    first = _skip(lines, start, end, separators=True)
    limit = min(end, first + MAX_FRONT_LINES)
    if first == end:
        return start
    after = first
    if _BOX.match(lines[first]):
        after = _box_end(lines, first, end)
        if not _is_note(lines[first:after]):
            return start
    elif lines[first].lstrip().startswith("[") and _MARK.match(lines[first]):
        after = _bracket_end(lines, first, limit)
    elif _MARK.match(lines[first]):
        after = _section_end(lines, first, limit)
    elif (gap := _section_end(lines, first, min(limit, first + _WITHOUT_MARK_LINES))) - first < _WITHOUT_MARK_LINES:
        after = gap if _SIGNS.search(_told(lines[first:gap])) else first
    return _skip(lines, after, end, separators=True) if first < after < end else start


def before_notes(lines: list[str], start: int, end: int) -> int:
    """Index of the line behind the book's last, where a note follows it up to `end`; `end` where none does."""
    last = end
    while last > start and (not lines[last - 1].strip() or _SEPARATOR.match(lines[last - 1])):
        last -= 1
    first = _note_start(lines, start, last)
    if first is None or first <= start or any(map(_CHAPTER.match, lines[first:last])):
        return end
    while first > start and (not lines[first - 1].strip() or _SEPARATOR.match(lines[first - 1])):
        first -= 1
    return first


def _note_start(lines: list[str], start: int, last: int) -> int | None:
    low = max(start, last - MAX_BACK_LINES)
    if last > low and _BOX.match(lines[last - 1]):
        first = last
        while first > low and _BOX.match(lines[first - 1]):
            first -= 1
        return first if _is_note(lines[first:last]) else None
    for index in range(last - 1, low - 1, -1):
        if _MARK.match(lines[index]) and (index == start or not lines[index - 1].strip()):
            in_brackets = lines[index].lstrip().startswith("[")
            return None if in_brackets and _bracket_end(lines, index, last) < last else index
    return _unnamed_start(lines, low, last)


def _unnamed_start(lines: list[str], low: int, last: int) -> int | None:
    """Where the section behind the last separator begins, if its first lines say that errors were mended."""
    for index in range(last - 1, low, -1):
        if _SEPARATOR.match(lines[index]):
            first = _skip(lines, index + 1, last, separators=False)
            return first if _MENDED.search(_told(lines[first : min(last, first + 10)])) else None
    return None


def _is_note(box: list[str]) -> bool:
    inside = [line[:_LINE_CHARS].strip(" \t|+-=") for line in box]
    named = any(map(_MARK.match, inside[:6]))
    return named or bool(_MENDED.search("\n".join(inside[:8])) or _SIGNS.search("\n".join(inside)))


def _told(section: list[str]) -> str:
    """The lines as one text; of a line without end, its beginning."""
    return "\n".join(line[:_LINE_CHARS] for line in section)


def _box_end(lines: list[str], index: int, end: int) -> int:
    while index < end and _BOX.match(lines[index]):
        index += 1
    return index


def _bracket_end(lines: list[str], index: int, limit: int) -> int:
    """Index behind the line that closes the bracket; `index` where none does."""
    depth = 0
    for at in range(index, limit):
        depth += lines[at].count("[") - lines[at].count("]")
        if depth <= 0:
            return at + 1
    return index


def _section_end(lines: list[str], index: int, limit: int) -> int:
    """Index of the separator or the two blank lines that end a section; behind its first paragraph if there is none.

    A gap right below the heading ends nothing.
    """
    first_end = index
    at_heading = True
    for at in range(index, limit):
        blank = not lines[at].strip()
        if blank and first_end == index:
            first_end = at
        if not at_heading and (_SEPARATOR.match(lines[at]) or (blank and at + 1 < limit and not lines[at + 1].strip())):
            return at
        at_heading = at_heading and (at == index or blank)
    return first_end if first_end > index else limit


def _skip(lines: list[str], index: int, end: int, *, separators: bool) -> int:
    while index < end and (not lines[index].strip() or (separators and _SEPARATOR.match(lines[index]))):
        index += 1
    return index
