"""The few templates whose arguments are the sentence itself: words in another language, quotations, measures.

Names that mean something else in other languages' wikis are in `_OWN`; the rest is looked up in every wiki.
"""

import re

from filters.wikimend import HOLE
from filters.wikitemplate_measures import (
    about,
    as_of,
    coordinates,
    fraction,
    hour,
    measure,
    old_style,
    power_of_ten,
    unit,
    value,
)
from filters.wikitemplate_words import (
    Call,
    Rule,
    accidental,
    always,
    around,
    author_year,
    block,
    claim,
    class_of_ships,
    columns,
    first,
    first_or_blank,
    formula,
    last,
    link_abroad,
    listed,
    lowered,
    ordinal_century,
    pronunciation,
    raised,
    raised_or_ordinal,
    ruler,
    second,
    second_or_first,
    stressed,
    words,
)

_MAX_NAME_CHARS = 60
_FRENCH_ORDINAL = re.compile(r"(?:\d{1,4}|[ivxl]{1,7})(?:er|re|ère|e|ème|nd|nde)s?")
_FRENCH_CENTURY = re.compile(r"[ivxl]{1,6}er?s? siècle")
_LANGUAGE_PREFIXES = ("lang-", "ipa-", "script/", "јез-", "jez-")
_CASE_FUNCTIONS = ("formatnum", "lc", "uc", "lcfirst", "ucfirst")
_PARAMETER_NAME = re.compile(r"\w[\w -]{0,60}")
_WORDS_NAMES = ("1", "2", "3", "text", "quote", "texte", "zitat", "u", "ul")


def template_text(content: str, language: str | None) -> str:
    """What `{{content}}` leaves in the text: its words where the template only dresses them, else a hole."""
    head = content[:_MAX_NAME_CHARS].split("|", 1)[0].split("\n", 1)[0].strip()
    name = head.lower().replace("_", " ")
    rule = _OWN.get(language or "", {}).get(name) or _EVERYWHERE.get(name)
    if rule is not None:
        return rule(_arguments(content)) or HOLE
    if name.startswith(_LANGUAGE_PREFIXES):
        return first(_arguments(content)) or HOLE
    if ":" in name and name.partition(":")[0] in _CASE_FUNCTIONS:
        return content.partition(":")[2].split("|")[0].strip()
    if language == "fr" and _FRENCH_CENTURY.fullmatch(name):  # French writes `{{XXe siècle}}` and `{{84e|congrès}}`.
        return head
    if language == "fr" and _FRENCH_ORDINAL.fullmatch(name):
        return words(Call([head, *_arguments(content).values], {}))
    return HOLE


def _arguments(content: str) -> Call:
    """Arguments without a name, or numbered `1=`; `text=`, `quote=` and the unit `u=` count among the words too."""
    values: list[str] = []
    named: dict[str, str] = {}
    for argument in content.split("|")[1:]:
        name, equals, value = argument.partition("=")
        key = name.strip().lower()
        if not equals or not _PARAMETER_NAME.fullmatch(key):
            values.append(argument.strip())
        else:
            named[key] = value.strip()
            if key in _WORDS_NAMES:
                values.append(value.strip())
    return Call(values, named)


def _rules(table: dict[Rule, str]) -> dict[str, Rule]:
    return {name: rule for rule, names in table.items() for name in names.split(";")}


_EVERYWHERE = _rules(
    {
        first: "nowrap;nobr;nobreak;small;smaller;midsize;big;larger;large;abbr;math;bigmath;mvar;var;code;kbd;em;"
        "strong;ill;interlanguage link;interlanguage link multi;link-interwiki;nihongo;nihongo2;nihongo4;not a typo;"
        "sic;keypress;key;smallcaps;sc;mono;tt;num;nts;flag;flagcountry;vr;vanchor;visible anchor;proper name;title;"
        "noitalic;nocaps;"
        "comment;ipa;api;afi;ipa link;ipalink;underline;strikethrough;railgauge;track gauge;subatomicparticle;nq;"
        "citation needed span;clarify span",
        second: "lang;langx;langr;rtl-lang;язык;мова;lang2;wikt-lang",
        last: "transl;transliteration;translit",
        block: "quote;blockquote;cquote;quotation;citat;zitat;cita;citace;citát;cytat;cytatd;citaat;citazione;citação;"
        "цитата;цитат;idézet;navedek;poem quote;poemquote;verse translation;citation bloc",
        columns: "columns-list;flatlist;plainlist",
        measure: "convert;cvt",
        unit: "unité;unite;unit;unidad;unidade;unitats;nb;nombre",
        value: "val",
        fraction: "frac;fraction;sfrac;bruch",
        coordinates: "coord",
        old_style: "oldstyledate",
        author_year: "harvtxt",
        words: "linktext;ship;sortname;currency;bibel;bibleref;bible;nums",
        listed: "hlist;unbulleted list;ubl",
        formula: "chem;chem2;ce",
        about: "circa;c.",
        as_of: "as of",
        class_of_ships: "sclass;sclass2;sclass-",
        raised: "sup;exp;hoch;smallsup",
        lowered: "sub;ind;tief",
        accidental: "music",
        power_of_ten: "e;esp",
        around("née "): "née;nee",
        around("lit. '", "'"): "lit;literal translation",
        around("'", "'"): "gloss",
        around("√"): "sqrt;radic",
        around("$", "$"): "tmath",
        around("⟨", "⟩"): "angbr;angle bracket;grapheme",
        around("/", "/"): "ipaslink;ipa slink",
        around("[", "]"): "ipablink;ipa blink;мфа;мфа-всі",
        around("US$"): "us$;usd",
        around("£"): "gbp;£;pound",
        around("€"): "eur;€",
        around("₹"): "inr;₹",
        around("¥"): "jpy;¥",
        around("A$"): "aud;a$",
        around("HMS "): "hms",
        around("USS "): "uss",
        around("fl. "): "floruit;fl.",
        around("r. "): "reign",
        around("U.S. Patent "): "us patent",
        around("ISBN "): "isbn",
        around("ISSN "): "issn",
        around("OCLC "): "oclc",
        always("–"): "ndash;en dash;endash;nsndns",
        always("—"): "mdash;em dash;emdash;mdashb",
        always(" – "): "spaced ndash;snd;spnd;dash",
        always(" — "): "spaced mdash;—;тире",
        always("|"): "!;pipe",
        always("="): "=",
        always("&#39;"): "'",
        always("&#39;s"): "'s",
        always(" · "): "·;dot;middot;•;bull",
        always("π"): "pi",
        always("⇌"): "eqm",
        always(" "): "spaces;nbsp;space;pad;thinsp;thin space;hair space;nnbsp;int:nbsp",
    }
)
_OWN = {
    "ca": _rules({first: "unitat;romanes", around("segle "): "segle", claim: "cn;citació necessària"}),
    "cs": _rules({second: "cizojazyčně;vjazyce2", first: "malé", always("km²"): "km2", always("m²"): "m2"}),
    "da": _rules({claim: "kilde mangler"}),
    "de": _rules(
        {
            around("„", "“"): '"',
            around("", " m"): "höhe",
            pronunciation: "ipa;lautschrift",
            around("§ "): "§",
            first: "formnum;polytonisch;hebr;ens;frs;las;els;rus;its;ess;pls;css;tus;ars;zhs;nls;pts;hus;svs;das",
        }
    ),
    "es": _rules(
        {
            first_or_blank: "esd",
            first: "versalita;abreviatura;ecuación",
            around("siglo "): "siglo",
            pronunciation: "afi;ipa",
            claim: "cita requerida;cr",
        }
    ),
    "fr": _rules(
        {
            ordinal_century: "s;s-;siècle;sap",
            words: "nobr;date;date-;date de naissance;date de décès;date de naissance-;date de décès-;tmp;surface",
            first: "citation;latin;japonais;abréviation;abr;petit;formule;terme défini;souligner;grec ancien",
            second: "langue;langue2;en langue;citation étrangère",
            link_abroad: "lien",
            ruler: "souverain;souverain-;souverain2;souverain3",
            hour: "heure;h",
            claim: "référence nécessaire;refnec;citation nécessaire;référence souhaitée;refsou;passage évasif",
            around("", " €"): "euro",
            around("« ", " »"): "guil",
            around("– ", " –"): "incise",
            always("n° "): "n°;numéro;no",
            always("etc."): "etc.",
            always("er"): "er",
            always("re"): "re",
            raised_or_ordinal: "e",
            always("Mme"): "mme",
        }
    ),
    "hr": _rules({second: "jez"}),
    "hu": _rules({first: "szám"}),
    "it": _rules(
        {
            first: "ta;tutto attaccato;maiuscoletto",
            measure: "m",
            claim: "senza fonte;citazione necessaria;cn",
            first_or_blank: "chiarire;sp",
        }
    ),
    "nl": _rules({first: "aut;afkorting", claim: "bron?;bron gevraagd"}),
    "pl": _rules({first: "małe;k", claim: "fakt"}),
    "pt": _rules({first: "fmtn;ilc;versalete", around("século "): "séc", measure: "converter", around("R$ "): "r$"}),
    "ro": _rules({measure: "conversie"}),
    "ru": _rules(
        {
            second_or_first: "нп1;нп2;нп3;нп4;нп5;не переведено;не переведено 2;не переведено 3;не переведено 5;iw",
            first: "s;число;год",
            stressed: "подударение;ударение",
            claim: "нет аи 2",
        }
    ),
    "sr": _rules({first: "скр"}),
    "sv": _rules({second: "språk", first: "illm;runor", claim: "källa behövs"}),
    "uk": _rules(
        {
            second_or_first: "нп;нп1;нп2;нп3;нп4;нп5;не перекладено",
            first: "s;число",
            stressed: "наголос",
            claim: "нема аи",
        }
    ),
}
"""Names that mean something else in other languages' wikis."""
