"""Finds the encoding that a book's bytes are in, and decodes them.

Books of fifty years come in the code pages of DOS, Windows, the Macintosh and Unix, often without a word of it or with
a wrong one. What no mark and no valid UTF-8 says, the letters say: bytes above 127 are read under each code page, and
the one wins in which most of them are letters that some language writes, in a case that fits their neighbours.
"""

import codecs
import math
import re
from collections import Counter
from functools import cache
from itertools import islice

SAMPLED_WORDS = 500
_HEADER_BYTES = 20_000
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_DECLARED = re.compile(
    rb"(?:^[ \t]*Character set encoding:[ \t]*|<\?xml[^>]{0,80}encoding=[\"']|<meta[^>]{0,100}charset=[\"']?)"
    rb"([A-Za-z0-9_.() -]{1,40})",
    re.IGNORECASE | re.MULTILINE,
)
_WORD = re.compile(rb"[A-Za-z]{0,20}[\x80-\xff][A-Za-z\x80-\xff]{0,40}")

_LATIN = ("cp1252", "iso8859_15", "cp1250", "iso8859_2", "cp437", "cp850", "mac_roman", "iso8859_3", "cp1257", "cp852")
"""In the order in which they are believed where they fit equally well."""
_LATIN_LETTERS = (
    "øåæéèêóòâô",  # Danish, Norwegian
    "íáéěřžýčšůúďťňóľôäĺŕ",  # Czech, Slovak
    "čšžćđ",  # Croatian, Slovenian
    "ëéïöèêüáó",  # Dutch
    "éæêèçëïöüœñàâôäáîóíåúøß",  # English, in foreign words
    "ĉĝŭŝĵĥ",  # Esperanto
    "äõüöšž",  # Estonian
    "éàèêçùâîûôœïëüæÿ",  # French
    "üäößé",  # German
    "áéőíöóüúű",  # Hungarian
    "íáðóúþæöéý",  # Icelandic
    "èàùìòéíîóú",  # Italian
    "āīšēūžļķņģč",  # Latvian
    "ėšųžūčįąę",  # Lithuanian
    "łąężśóćńź",  # Polish
    "ãáçéíóêõâúôàü",  # Portuguese
    "ăîâşţșț",  # Romanian
    "óíáéñúüçïàèòªº",  # Spanish, Catalan
    "äöåé",  # Swedish, Finnish
)
"""The letters beyond ASCII that a language writes, most frequent first."""
_WRONG = "\ufffd"
_ANYWHERE, _OPENING, _QUOTES, _SYMBOLS = "’‘—–…\xad\xa0", "‚„¿¡‹", "“”«»›", "£§°¶½¼¾×†‡•™©®`´·²³¹"
_MARKS = frozenset(_ANYWHERE + _OPENING + _QUOTES + _SYMBOLS)
"""What prose has beside letters."""

_RUSSIAN = "оеаинтсрвлкмдпуяыьгзбчйхжшюцщэфъё"
_CYRILLIC = (
    _RUSSIAN,
    "оаиентврісклудмпязьбгйчхжшїюцщєфґ",
    "аиоетнрвслдпкмзъугщчбцжшхйюяфь",
    "аоиенрстјвукдлмпзгбчшцжњхљфћђџ",
)
_GREEK = ("αοιετσνηρπκμλυςάίέόθγδήώύφχβωξζψΐϊϋΰ",)
_HEBREW = ("יוהלאבתרמשנדחקעפכםצגןטסזךץף",)
_OTHER_LETTERS = {
    **dict.fromkeys(("cp1251", "koi8_r", "koi8_u", "cp866", "iso8859_5", "mac_cyrillic"), _CYRILLIC),
    **dict.fromkeys(("cp1253", "iso8859_7"), _GREEK),
    **dict.fromkeys(("cp1255", "iso8859_8"), _HEBREW),
}
_NEVER = math.log(0.0005)
_MARK, _MARK_AMONG_LETTERS = -1.5, -4.0
_WHOLE_ALPHABET = 24
_PRIOR = 0.5  # of the code pages of the West, in which most of these books are
_MIN_FIT = -4.0
"""Logarithms of a letter's probability: a tenth letter has 0.02, and what no language writes next to nothing."""
_FAR_EASTERN = ("gb18030", "big5", "shift_jis", "euc_jp", "euc_kr")


def decode(raw: bytes) -> str | None:
    """The text: by its byte-order mark, as UTF-8 where that fits, as its header declares, or as it looks."""
    for mark, encoding in _BOMS:
        if raw.startswith(mark):
            return _decoded(raw, encoding)
    if b"\x00" in raw:
        return _wide(raw)
    text = _decoded(raw, "utf-8")
    if text is not None:
        return text
    declared = _DECLARED.search(raw[:_HEADER_BYTES])
    for encoding in (*(_encodings(declared[1].decode()) if declared else ()), *_detected(raw)):
        text = _decoded(raw, encoding)
        if text is not None:
            return text
    return None


def _wide(raw: bytes) -> str | None:
    """UTF-16 without a mark: zero bytes stand on one side of each pair alone, and the text has none of them."""
    for encoding, zero_side in (("utf-16-le", 1), ("utf-16-be", 0)):
        zeros = raw[zero_side::2].count(0)
        if zeros * 20 < len(raw) or raw[1 - zero_side :: 2].count(0):
            continue
        text = _decoded(raw, encoding)
        sample = text[:10_000] if text else ""
        if text and sum(char.isalnum() or char.isspace() for char in sample) * 10 > len(sample) * 6:
            return text
    return None


def _encodings(declared: str) -> tuple[str, ...]:
    """A declared name as codecs; what is called Latin-1 may be any Latin code page, so that its letters decide."""
    name = re.sub(r"[^a-z0-9]+", "-", declared.lower()).strip("-")
    if re.search(r"8859-1$|latin-?1$|ascii|1252|646|ansi", name):
        return ()
    try:
        return (codecs.lookup(name).name,)
    except LookupError:
        return ()


def _detected(raw: bytes) -> tuple[str, ...]:
    """Latin letters stand among ASCII ones; other alphabets fill whole words."""
    words = [found[0] for found in islice(_WORD.finditer(raw), SAMPLED_WORDS)]
    ascii_letters = sum(byte < 0x80 for word in words for byte in word)
    others = sum(map(len, words)) - ascii_letters
    latin = max(_LATIN, key=lambda encoding: _fit(words, encoding, _LATIN_LETTERS) + _PRIOR * (encoding in _LATIN[:2]))
    if ascii_letters * 2 >= others:
        return (latin, "cp1252", "latin-1")
    fits = {encoding: _fit(words, encoding, languages) for encoding, languages in _OTHER_LETTERS.items()}
    best = max(fits, key=lambda encoding: fits[encoding])
    return (best,) if fits[best] > _MIN_FIT else (*_far_eastern(raw), latin, "latin-1")


def _fit(words: list[bytes], encoding: str, languages: tuple[str, ...]) -> float:
    """How likely the letters above 127 are in the language that they fit best, as the mean of their logarithms."""
    letters: Counter[str] = Counter()
    for word in words:
        text = word.decode(encoding, "replace")
        for before, char, after in zip(" " + text, text, text[1:] + " ", strict=False):
            if char.isascii():
                continue
            if char in _MARKS:
                odd = _is_odd(before, char, after)
            else:
                odd = char.isupper() and (before.islower() or (before.isalpha() and after.islower()))
            letters[_WRONG if odd else char.lower()] += 1
    total = letters.total()
    if not total:
        return _NEVER
    return (
        max(sum(count * known.get(char, _NEVER) for char, count in letters.items()) for known in map(_known, languages))
        / total
    )


def _is_odd(before: str, mark: str, after: str) -> bool:
    """Whether a mark stands where prose has none: within a word, or at one that it does not belong to."""
    if mark in _SYMBOLS:
        return before.isalpha() or after.isalpha()
    return before.isalpha() and (mark in _OPENING or (mark in _QUOTES and after.isalpha()))


@cache
def _known(language: str) -> dict[str, float]:
    """The logarithm of each letter's probability, taken to fall steadily from the most frequent one on."""
    fall = 1 - 2.5 / (len(language) + 2)
    weights = [fall**rank for rank in range(len(language))]
    known = {char: math.log(weight / sum(weights)) for char, weight in zip(language, weights, strict=True)}
    mark = _MARK if len(language) < _WHOLE_ALPHABET else _MARK_AMONG_LETTERS
    return dict.fromkeys(_MARKS, mark) | known


def _far_eastern(raw: bytes) -> tuple[str, ...]:
    """Which of the encodings of Chinese, Japanese and Korean fits, most of what it gives being their letters."""
    from charset_normalizer import from_bytes

    lines = [line for line in raw[: 1 << 20].split(b"\n") if not line.isascii()]
    found = from_bytes(b"\n".join(lines[:400]), cp_isolation=list(_FAR_EASTERN)).best()
    return (found.encoding,) if found else ()


def _decoded(raw: bytes, encoding: str) -> str | None:
    try:
        return raw.decode(encoding)
    except (UnicodeError, LookupError):
        return None
