"""The attributes of one XML element, read on its own: no document, no declarations, so nothing that could expand.

Source: XML 1.0, fifth edition, 2.2 characters, 3.1 tags, 3.3.3 normalization of attributes, 4.1 references.
Differs: names are ASCII; namespaces are not looked at; references to characters that XML forbids, which old dumps hold,
are a blank.
"""

import re

MAX_ATTRIBUTES = 256
"""More than this no table of a dump has; an element with more is refused."""

_BLANK = r"[ \t\r\n]"
_NAME = re.compile(rf"{_BLANK}+([A-Za-z_:][A-Za-z0-9_:.-]*){_BLANK}*={_BLANK}*([\"'])")
_CLOSE = re.compile(rf"{_BLANK}*/?>\Z")
_FORBIDDEN = bytes(byte for byte in range(0x20) if byte not in b"\t\r\n")
_LITERAL_BLANK = re.compile(r"\r\n|[\t\r\n]")
_REFERENCE = re.compile(r"&(?:([a-z]{2,4})|#x0*([0-9A-Fa-f]{1,8})|#0*([0-9]{1,10}));")
_NAMED = {"lt": "<", "gt": ">", "quot": '"', "apos": "'", "amp": "&"}
_USUAL = (
    ("&lt;", "<"),
    ("&gt;", ">"),
    ("&quot;", '"'),
    ("&#xA;", "\n"),
    ("&#xD;", "\r"),
    ("&#x9;", "\t"),
    ("&amp;", "&"),
)
"""The references that dumps are written with; `&amp;` comes last, for what it leaves looks like the others."""


def xml_attributes(element: bytes, name: str) -> dict[str, str] | None:
    """The attributes of a start tag `<name …>` or `<name …/>`, None where it is not well-formed."""
    try:
        text = element.decode()
    except UnicodeDecodeError:
        return None
    if not text.startswith(f"<{name}") or _has_forbidden(element):
        return None
    found: dict[str, str] = {}
    at = len(name) + 1
    while mark := _NAME.match(text, at):
        end = text.find(mark[2], mark.end())
        value = _value(text[mark.end() : end]) if end >= 0 else None
        if value is None or mark[1] in found or len(found) == MAX_ATTRIBUTES:
            return None
        found[mark[1]] = value
        at = end + 1
    return found if _CLOSE.match(text, at) else None


def _has_forbidden(element: bytes) -> bool:
    """Whether it holds a character that is in no XML document; decoding has refused surrogates."""
    return (
        len(element.translate(None, _FORBIDDEN)) != len(element)
        or b"\xef\xbf\xbe" in element
        or b"\xef\xbf\xbf" in element
    )


def _value(raw: str) -> str | None:
    if "<" in raw:
        return None
    if "\n" in raw or "\r" in raw or "\t" in raw:
        raw = _LITERAL_BLANK.sub(" ", raw)
    return _without_references(raw) if "&" in raw else raw


def _without_references(raw: str) -> str | None:
    """Each reference replaced by its character; usual ones kind by kind, which is tens of times faster."""
    left, text = raw.count("&"), raw
    for reference, character in _USUAL:
        size = len(text)
        text = text.replace(reference, character)
        left -= (size - len(text)) // (len(reference) - 1)
        if not left:
            return text
    parts: list[str] = []
    at = 0
    while (start := raw.find("&", at)) >= 0:
        found = _REFERENCE.match(raw, start)
        character = _character(found) if found else ""
        if not found or not character:
            return None
        parts += (raw[at:start], character)
        at = found.end()
    return "".join((*parts, raw[at:]))


def _character(reference: re.Match[str]) -> str:
    """What a reference stands for; nothing where that is no reference of XML."""
    named, hexadecimal, decimal = reference.groups()
    if named:
        return _NAMED.get(named, "")
    code = int(hexadecimal, 16) if hexadecimal else int(decimal)
    if code > 0x10FFFF:
        return ""
    is_allowed = code >= 0x20 or code in (0x9, 0xA, 0xD)
    return chr(code) if is_allowed and not 0xD800 <= code <= 0xDFFF and code not in (0xFFFE, 0xFFFF) else " "
