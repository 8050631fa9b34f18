"""Turns the bytes of a TeX file into text, whatever the decade it was written in."""

import re

from charset_normalizer import from_bytes

_INPUT_ENCODING = re.compile(rb"^[^%\n]*\\usepackage\s*\[([a-z0-9-]{2,20})\]\s*\{inputenc\}", re.MULTILINE)
_CODECS = {
    b"latin1": "latin-1",
    b"latin2": "iso8859-2",
    b"latin3": "iso8859-3",
    b"latin4": "iso8859-4",
    b"latin5": "iso8859-9",
    b"latin9": "iso8859-15",
    b"latin10": "iso8859-16",
    b"ansinew": "cp1252",
    b"applemac": "mac-roman",
    **{name.encode(): name for name in ("cp1250", "cp1251", "cp1252", "cp1257", "cp437", "cp850", "cp852", "cp866")},
    b"koi8-r": "koi8-r",
}
"""`inputenc`'s names of encodings, and Python's."""
_GUESSES = ["latin-1", "cp1252", "cp1251", "koi8-r", "euc-jp", "shift-jis", "gb18030", "euc-kr", "big5"]
_SAMPLE_BYTES = 1 << 16
_MIN_DAMAGED_UTF8_SHARE = 0.9


def declared_codec(content: bytes) -> str | None:
    """Python's name of the encoding that a file declares to LaTeX's `inputenc`; None where it declares none we know."""
    declared = _INPUT_ENCODING.search(content[: 1 << 20])
    return _CODECS.get(declared[1]) if declared else None


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
