"""Turns the bytes of a TeX file into text, whatever the decade it was written in."""

import re

from charset_normalizer import from_bytes

_DECLARATION = re.compile(
    rb"""^(?:[^%\n]*\\(?:usepackage\s*\[(?P<package>[a-z0-9-]{2,20})\]\s*\{inputenc\}|inputencoding\s*\{(?P<input>[a-z0-9-]{2,20})\})
    |%[^\n]{0,100}?(?:!\s*TE?X\s+(?:file)?encoding\s*=\s*|coding[:=]\s*)(?P<editor>[A-Za-z0-9_.-]{2,20})
    |[^%\n]*\\begin\s*\{CJK\*?\}\s*(?:\[[^\]\n]{0,50}\])?\s*\{(?P<cjk>[A-Za-z0-9+-]{2,20})\})""",
    re.MULTILINE | re.IGNORECASE | re.VERBOSE,
)
_MAY_DECLARE = re.compile(rb"inputenc|coding|CJK", re.IGNORECASE)
_CODECS = {
    "latin1": "latin-1",
    "isolatin": "latin-1",
    "iso88591": "latin-1",
    "latin2": "iso8859-2",
    "isolatin2": "iso8859-2",
    "iso88592": "iso8859-2",
    "latin3": "iso8859-3",
    "latin4": "iso8859-4",
    "latin5": "iso8859-9",
    "latin9": "iso8859-15",
    "iso885915": "iso8859-15",
    "latin10": "iso8859-16",
    "iso88595": "iso8859-5",
    "ansinew": "cp1252",
    "applemac": "mac-roman",
    "macosroman": "mac-roman",
    **{name: name for name in ("cp1250", "cp1251", "cp1252", "cp1257", "cp437", "cp850", "cp852", "cp866")},
    **{f"windows{number}": f"cp{number}" for number in (1250, 1251, 1252, 1257)},
    "koi8r": "koi8-r",
    "koi8u": "koi8-u",
    **dict.fromkeys(("gb", "gbk", "gb2312", "gb18030", "euccn"), "gb18030"),
    **dict.fromkeys(("bg5", "bg5+", "big5", "bg5hk", "big5hkscs"), "big5hkscs"),
    **dict.fromkeys(("ks", "euckr", "uhc", "cp949"), "cp949"),
    **dict.fromkeys(("jis", "eucjp", "ujis", "japaneseiso8bit"), "euc-jp"),
    **dict.fromkeys(("sjis", "shiftjis", "cp932"), "cp932"),
    "iso2022jp": "iso2022-jp",
}
"""Names of encodings in `inputenc`, editors' comments and the `CJK` package, and Python's."""
_GUESSES = ["latin-1", "cp1252", "cp1251", "koi8-r", "euc-jp", "shift-jis", "gb18030", "euc-kr", "big5"]
_SAMPLE_BYTES = 1 << 16
_MIN_DAMAGED_UTF8_SHARE = 0.9


def declared_codec(content: bytes) -> str | None:
    r"""Python's name of the encoding that a file declares: to `inputenc`, to an editor, to the `CJK` package.

    None where it declares none, UTF-8, or one that we do not know.
    """
    head = content[: 1 << 20]
    if not _MAY_DECLARE.search(head):
        return None
    for declared in _DECLARATION.finditer(head):
        name = declared[declared.lastgroup or 0].decode().lower()
        if codec := _CODECS.get(re.sub(r"[-_.]", "", name)):
            return codec
    return None


def decode_tex(content: bytes, declared: str | None) -> str:
    """The file's text with LF line ends. UTF-8, else the paper's declared encoding, else a guess: no bytes are refused.

    A file that is UTF-8 but for a few broken characters is read as UTF-8 with those replaced.
    """
    text = _decoded(content.removeprefix(b"\xef\xbb\xbf"), declared)
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")


def _decoded(content: bytes, declared: str | None) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError:
        pass
    if declared:
        return content.decode(declared, "replace")
    lenient = content.decode("utf-8", "replace")
    broken = lenient.count("\ufffd")
    other = sum(character > "\x7f" for character in lenient)
    if other - broken > _MIN_DAMAGED_UTF8_SHARE * other:
        return lenient
    return content.decode(_guess(content), "replace")


def _guess(content: bytes) -> str:
    """The likeliest encoding of the lines that are not ASCII; Latin-1 where none is likely."""
    sample = b"\n".join(line for line in content[: 1 << 22].splitlines() if not line.isascii())[:_SAMPLE_BYTES]
    best = from_bytes(sample, cp_isolation=_GUESSES, preemptive_behaviour=False).best()
    return best.encoding if best else "latin-1"
