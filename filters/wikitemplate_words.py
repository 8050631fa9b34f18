"""How templates that dress words show them: each rule turns a call's arguments into what a reader sees."""

import re
from collections.abc import Callable
from typing import NamedTuple

from filters.superscript import subscript, superscript
from filters.wikimend import HOLE

_CHARGE = re.compile(r"[0-9]{0,2}[-+−]")


class Call(NamedTuple):
    """A template's arguments: those that count as words in order, the others by their names in lower case."""

    values: list[str]
    named: dict[str, str]


Rule = Callable[[Call], str]
"""What a template shows for its arguments; empty where it shows nothing."""


def first(call: Call) -> str:
    """`nowrap|words`."""
    return call.values[0] if call.values else ""


def second(call: Call) -> str:
    """`lang|fr|mots`."""
    return call.values[1] if len(call.values) > 1 else ""


def last(call: Call) -> str:
    """`transl|ru|ISO|slova`."""
    return call.values[-1] if call.values else ""


def second_or_first(call: Call) -> str:
    """`не переведено|Страница|слова|en|Page` shows the words, or the page where there are none."""
    return second(call) or first(call)


def first_or_blank(call: Call) -> str:
    """`esd` is a blank that does not break, and may have words in it."""
    return first(call) or " "


def claim(call: Call) -> str:
    """What wants a source, where the template goes around it: a date alone is none."""
    said = first(call)
    return said if any(map(str.isalpha, said)) and len(said.split()) > 1 else ""


def block(call: Call) -> str:
    """A quotation stands apart."""
    return f"\n\n{call.values[0]}\n\n" if call.values and call.values[0] else ""


def columns(call: Call) -> str:
    """A list in columns: the lines of the last argument."""
    return f"\n{call.values[-1]}\n" if call.values else ""


def words(call: Call) -> str:
    """`ship|HMS|Ajax`: all arguments, with blanks between them."""
    return " ".join(value for value in call.values if value)


def listed(call: Call) -> str:
    """`hlist|a|b`: all arguments, with commas between them."""
    return ", ".join(value for value in call.values if value.strip(f"{HOLE} "))


def pronunciation(call: Call) -> str:
    """`IPA|bɛʁˈliːn` says [bɛʁˈliːn], where the wiki's template puts the brackets."""
    said = first(call)
    return said if said.startswith(("[", "/")) or not said else f"[{said}]"


def formula(call: Call) -> str:
    """`chem|SO|4|2-` says SO₄²⁻: all arguments, with nothing between them; a number that comes first is no count."""
    return "".join(_part_of_formula(place, value) for place, value in enumerate(call.values))


def _part_of_formula(place: int, value: str) -> str:
    if _CHARGE.fullmatch(value):
        return superscript(value)
    return subscript(value) if place and value.isdecimal() else value


def author_year(call: Call) -> str:
    """`harvtxt|Artin|Mazur|1970` says Artin & Mazur (1970)."""
    return f"{' & '.join(call.values[:-1])} ({call.values[-1]})" if len(call.values) > 1 else ""


def class_of_ships(call: Call) -> str:
    """`sclass|Nimitz|aircraft carrier` says Nimitz-class aircraft carrier."""
    return f"{call.values[0]}-class {call.values[1]}" if len(call.values) > 1 else ""


def ordinal_century(call: Call) -> str:
    """`s|XIX|e` says XIXe siècle."""
    return f"{first(call)}{second(call) or 'e'} siècle" if call.values else ""


def ruler(call: Call) -> str:
    """`souverain2|Joseph II (empereur)` says Joseph II."""
    return first(call).partition(" (")[0]


def link_abroad(call: Call) -> str:
    """`lien|fr=Page|texte=mots|lang=en|trad=Page` shows the words, or the page where there are none."""
    return call.named.get("texte") or call.named.get("fr") or first(call)


def raised(call: Call) -> str:
    """`sup|2` says ²."""
    return superscript(first(call))


def raised_or_ordinal(call: Call) -> str:
    """French `e|6` says ⁶, and `e` alone the end of an ordinal."""
    return raised(call) or "e"


def lowered(call: Call) -> str:
    """`sub|2` says ₂."""
    return subscript(first(call))


def stressed(call: Call) -> str:
    """`подударение|о` says о́, and without an argument а́."""
    return f"{first(call) or 'а'}\u0301"


def accidental(call: Call) -> str:
    """`music|flat` says ♭."""
    return {"flat": "♭", "b": "♭", "sharp": "♯", "#": "♯", "natural": "♮"}.get(first(call).lower(), "")


def around(before: str, after: str = "") -> Rule:
    """A rule that puts words before and after the first argument."""
    return lambda call: f"{before}{call.values[0]}{after}" if call.values and call.values[0] else ""


def always(text: str) -> Rule:
    """A rule that shows the same whatever the arguments are."""
    return lambda _: text
