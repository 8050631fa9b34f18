"""How templates that say measures, dates and places show them, `convert` above all."""

import re

from filters.superscript import superscript
from filters.wikitemplate_words import Call, first, second, words

_NUMBER = re.compile(r"[-−+.~]?[0-9][0-9.,/ +⁄-]*(?:e[-−]?[0-9]{1,3})?|[-−+]?\.[0-9]+")
_AFTER_FIRST_UNIT = frozenset("ft in yd mi lb oz st".split())

_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)

_RANGE_WORDS = {
    "to": " to ",
    "and": " and ",
    "or": " or ",
    "by": " by ",
    "x": " x ",
    "xx": " × ",
    "×": " × ",
    "*": " × ",
    "-": "–",
    "–": "–",
    "to(-)": " to ",
    "and(-)": " and ",
    "+/-": " ± ",
    "±": " ± ",
}

_UNITS = {
    "km2": "km²",
    "m2": "m²",
    "cm2": "cm²",
    "mm2": "mm²",
    "mi2": "sq mi",
    "sqmi": "sq mi",
    "ft2": "sq ft",
    "sqft": "sq ft",
    "sqkm": "km²",
    "sqm": "m²",
    "yd2": "sq yd",
    "km3": "km³",
    "m3": "m³",
    "cm3": "cm³",
    "ft3": "cu ft",
    "cuft": "cu ft",
    "cuin": "cu in",
    "mi3": "cu mi",
    "C": "°C",
    "F": "°F",
    "kmh": "km/h",
    "acre": "acres",
    "m/s2": "m/s²",
    "kg/m3": "kg/m³",
    "g/cm3": "g/cm³",
    "inch": "inches",
    "lbft": "lb⋅ft",
    "Nm": "N⋅m",
}


def measure(call: Call) -> str:
    """`convert|10|to|20|km|mi` says 10 to 20 km: everything up to the first unit, and `6|ft|2|in` up to the second."""
    said: list[str] = []
    for place, argument in enumerate(call.values):
        if argument in _RANGE_WORDS:
            said.append(_RANGE_WORDS[argument])
        elif _NUMBER.fullmatch(argument):
            adjacent = said and said[-1] not in _RANGE_WORDS.values()
            said.append((" " if adjacent else "") + _number(argument))
        else:
            said.append(_unit_name(argument, adjective=call.named.get("adj") in ("on", "mid")))
            after = call.values[place + 1 : place + 3]
            if len(after) == 2 and _NUMBER.fullmatch(after[0]) and after[1] in _AFTER_FIRST_UNIT:
                said.append(f" {after[0]} {after[1]}")
            break
    return "".join(said).strip()


def _unit_name(written: str, *, adjective: bool) -> str:
    """` acres`, or `-acre` of an adjective; a symbol has no hyphen before it."""
    if adjective and written.isalpha() and len(written) > 3 and not written.startswith(("sq", "cu")):
        return f"-{written}"
    return f" {_UNITS.get(written, written)}" if written else ""


def _number(written: str) -> str:
    figures, _, exponent = written.partition("e")
    return f"{figures}×10{superscript(exponent)}" if exponent else figures


def unit(call: Call) -> str:
    """`unité|5000|km|2` says 5000 km², `unité|5000|km` 5000 km."""
    power = call.values[2] if len(call.values) > 2 and call.values[2].isdecimal() else ""
    return words(Call(call.values[:2], {})) + superscript(power)


def power_of_ten(call: Call) -> str:
    """`e|24` says ×10²⁴."""
    return f"×10{superscript(first(call))}" if call.values else ""


def value(call: Call) -> str:
    """`val|5.98|e=24|u=kg` says 5.98×10²⁴ kg."""
    power = f"×10{superscript(call.named['e'])}" if call.named.get("e") else ""
    return f"{first(call)}{power} {call.named.get('u') or call.named.get('ul') or ''}".strip()


def fraction(call: Call) -> str:
    """`frac|2` says 1/2, `frac|3|4` 3/4, `frac|1|3|4` 1 3/4."""
    if len(call.values) < 2:
        return f"1/{call.values[0]}" if call.values else ""
    *whole, above, below = call.values[:3]
    return " ".join([*whole, f"{above}/{below}"])


def coordinates(call: Call) -> str:
    """`coord|13|19|N|169|9|W` says 13°19′N 169°9′W; where it only stands beside the title, nothing."""
    if "inline" not in call.named.get("display", "inline"):
        return ""
    said, marks = "", iter("°′″")
    for value in call.values:
        if value in ("N", "S", "E", "W", "O"):
            said, marks = f"{said}{value} ", iter("°′″")
        elif _NUMBER.fullmatch(value) and (mark := next(marks, "")):
            said += value + mark
        else:
            break
    return said.strip() if said.endswith(" ") else ""


def old_style(call: Call) -> str:
    """`OldStyleDate|February 2|1905|January 20` says February 2 [O.S. January 20] 1905."""
    new, year, old = (*call.values, "", "", "")[:3]
    return f"{new} [O.S. {old}] {year}".strip() if old else f"{new} {year}".strip()


def as_of(call: Call) -> str:
    """`as of|2011|8|19|lc=y` says as of 19 August 2011; `alt=` stands for all of it, `post=` behind it."""
    named = call.named
    if not call.values:
        return ""
    year, month, day = (*call.values, "", "")[:3]
    if month.isdecimal() and 1 <= int(month[:4]) <= len(_MONTHS):
        month = _MONTHS[int(month[:4]) - 1]
    american = named.get("df", "").lower() == "us"
    date = words(Call([month, f"{day}," if day else "", year] if american else [day, month, year], {}))
    lead = "" if named.get("bare") else "Since " if named.get("since") else "As of "
    said = named.get("alt") or (lead.lower() if named.get("lc") else lead) + date
    return said + named.get("post", "")


def hour(call: Call) -> str:
    """`heure|4|30` says 4 h 30, `heure|4` 4 h."""
    return f"{first(call)} h {second(call)}".strip() if call.values else ""


def about(call: Call) -> str:
    """`circa|1850` says c. 1850."""
    return " – ".join(f"c. {value}" for value in call.values[:2]) or "c. "
