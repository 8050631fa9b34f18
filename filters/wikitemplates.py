"""The few templates whose arguments are the sentence itself: words in another language, quotations, measures."""

import re
from collections.abc import Callable

from filters.wikilayout import HOLE

Arguments = list[str]

_CENTURY_NAME = re.compile(r"[ivxl]{1,6}er?s? siècle")


def template_text(content: str, language: str | None) -> str:
    """What `{{content}}` leaves in the text: its words where the template only dresses them, else a hole."""
    name = content[:60].split("|", 1)[0].split("\n", 1)[0].strip().lower().replace("_", " ")
    if name.startswith("formatnum:"):
        return content.partition(":")[2].strip()
    if _CENTURY_NAME.fullmatch(name):  # French writes `{{XXe siècle}}`.
        return content.strip()
    rule = _EVERYWHERE.get(name) or _OWN.get(language or "", {}).get(name)
    if rule is None and name.startswith(("lang-", "ipa-")):
        rule = _first
    if rule is None:
        return HOLE
    return rule(_positional(content)) or HOLE


def _positional(content: str) -> Arguments:
    """Arguments without a name, or numbered `1=`, in order; `text=`, `quote=` and the unit `u=` count too."""
    values: Arguments = []
    for argument in content.split("|")[1:]:
        name, equals, value = argument.partition("=")
        key = name.strip().lower()
        if not equals or not (key.isidentifier() or key.isdecimal() or key.replace("-", "").isalnum()):
            values.append(argument.strip())
        elif key in ("1", "2", "3", "text", "quote", "texte", "zitat", "u", "ul"):
            values.append(value.strip())
    return values


def _first(arguments: Arguments) -> str:
    return arguments[0] if arguments else ""


def _second(arguments: Arguments) -> str:
    return arguments[1] if len(arguments) > 1 else ""


def _last(arguments: Arguments) -> str:
    return arguments[-1] if arguments else ""


def _block(arguments: Arguments) -> str:
    return f"\n\n{arguments[0]}\n\n" if arguments and arguments[0] else ""


def _measure(arguments: Arguments) -> str:
    """`convert|10|to|20|km|mi` says 10 to 20 km: everything up to the first unit."""
    said: Arguments = []
    for argument in arguments:
        said.append(argument)
        if not (argument[:1].isdigit() or argument[:1] in "-−+." or argument in ("to", "and", "by", "x", "or", "–")):
            break
    return " ".join(said)


def _fraction(arguments: Arguments) -> str:
    whole = f"{arguments[0]} " if len(arguments) == 3 else ""
    return whole + "/".join(arguments[-2:]) if arguments else ""


def _as_of(arguments: Arguments) -> str:
    return f"As of {arguments[0]}" if arguments else ""


def _century(arguments: Arguments) -> str:
    return f"{arguments[0]}{arguments[1] if len(arguments) > 1 else 'e'} siècle" if arguments else ""


def _words(arguments: Arguments) -> str:
    return " ".join(argument for argument in arguments if argument)


def _formula(arguments: Arguments) -> str:
    return "".join(arguments)


def _around(before: str, after: str = "") -> Callable[[Arguments], str]:
    return lambda arguments: f"{before}{arguments[0]}{after}" if arguments and arguments[0] else ""


def _always(text: str) -> Callable[[Arguments], str]:
    return lambda _: text


def _rules(table: dict[Callable[[Arguments], str], str]) -> dict[str, Callable[[Arguments], str]]:
    return {name: rule for rule, names in table.items() for name in names.split(";")}


_EVERYWHERE = _rules(
    {
        _first: "nowrap;nobr;nobreak;small;smaller;big;larger;abbr;math;mvar;var;val;code;kbd;em;strong;sup;sub;ill;"
        "interlanguage link;link-interwiki;nihongo;not a typo;sic;keypress;key;ship;linktext;smallcaps;sc;mono;tt;num;"
        "proper name;title;noitalic;nocaps;comment;ipa;api;afi;ipa link;ipalink;underline;strikethrough",
        _second: "lang;langx;язык;мова;lang2;wikt-lang",
        _last: "transl;transliteration;translit",
        _block: "quote;blockquote;cquote;quotation;citat;zitat;cita;citace;cytat;citaat;citazione;citação;"
        "цитата;idézet;poem quote;verse translation",
        _measure: "convert;cvt;unité;unite;unit",
        _fraction: "frac;fraction;sfrac",
        _as_of: "as of",
        _formula: "chem;chem2;ce",
        _around("⟨", "⟩"): "angbr;angle bracket;grapheme",
        _around("/", "/"): "ipaslink;ipa slink",
        _around("[", "]"): "ipablink;ipa blink",
        _around("US$"): "us$",
        _around("ISBN "): "isbn",
        _around("ISSN "): "issn",
        _around("OCLC "): "oclc",
        _always("–"): "ndash;en dash",
        _always("—"): "mdash;em dash",
        _always(" – "): "spaced ndash;snd;spnd",
        _always(" — "): "spaced mdash;—;тире",
        _always("|"): "!;pipe",
        _always("="): "=",
        _always("'"): "'",
        _always(" · "): "·;dot;middot;•",
        _always("π"): "pi",
        _always(" "): "spaces;nbsp;space;pad;int:nbsp",
        _always("c. "): "circa;c.",
    }
)
_OWN = {
    "ca": _rules({_first: "unitat;romanes", _around("segle "): "segle"}),
    "de": _rules({_around("„", "“"): '"'}),
    "es": _rules({_first: "esd;unidad", _around("siglo "): "siglo"}),
    "fr": _rules(
        {
            _century: "s;s-;siècle;sap",
            _words: "date;date-;date de naissance;date de décès;date de naissance-;date de décès-",
            _first: "nombre;nb;citation;langue2;lien",
            _around("– ", " –"): "incise",
            _always("1er"): "1er",
            _always("1re"): "1re",
        }
    ),
    "hu": _rules({_first: "szám"}),
    "it": _rules({_first: "ta", _measure: "m"}),
    "pt": _rules({_first: "fmtn", _around("século "): "séc", _measure: "converter"}),
    "ro": _rules({_measure: "conversie"}),
    "ru": _rules({_first: "нп5;нп3"}),
}
"""Names that mean something else in other languages' wikis."""
