"""Which licence a repository or a file is under: SPDX expressions out of keys, metadata, licence texts and notices.

A licence text is known by phrases that only it holds, not by likeness: within the five percent that edit-distance
matchers allow, a clause such as "not for commercial use" would pass as MIT.
"""

import re
from collections.abc import Iterable
from functools import lru_cache

from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

MAX_EXPRESSION_CHARS = 300
MAX_LICENSE_CHARS = 1 << 17
MAX_HEADER_CHARS = 4096

_WORDS = re.compile(r"[^a-z0-9]+")
_GRANT = "redistribution and use in source and binary forms with or without modification are permitted provided that"
_RETAIN = "redistributions of source code must retain the above copyright"
_REPRODUCE = "redistributions in binary form must reproduce the above copyright"
_ANY_PURPOSE = "modify and or distribute this software for any purpose with or without fee is hereby granted"
_TEXTS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("MIT", (
        "permission is hereby granted free of charge to any person obtaining a copy of this software and associated "
        "documentation files the software to deal in the software without restriction",
        "the above copyright notice and this permission notice",
    )),
    ("Apache-2.0", (
        "apache license version 2 0 january 2004",
        "terms and conditions for use reproduction and distribution",
        "grant of patent license",
    )),
    ("BSD-4-Clause", (_GRANT, _RETAIN, "all advertising materials mentioning features or use of this software")),
    ("BSD-3-Clause-Clear", (_GRANT, _RETAIN, "no express or implied licenses to any party s patent rights")),
    ("BSD-3-Clause", (_GRANT, _RETAIN, _REPRODUCE, "to endorse or promote products derived from this software")),
    ("BSD-2-Clause", (_GRANT, _RETAIN, _REPRODUCE)),
    ("ISC", (_ANY_PURPOSE + " provided that the above copyright notice and this permission notice appear",)),
    ("0BSD", (_ANY_PURPOSE + " the software is provided as is",)),
    ("Unlicense", ("this is free and unencumbered software released into the public domain",)),
    ("Zlib", (
        "in no event will the authors be held liable for any damages",
        "altered source versions must be plainly marked as such",
    )),
    ("BSL-1.0", ("boost software license version 1 0 august 17th 2003",)),
)  # fmt: skip
"""Each permitted licence, its near relations and its peers, by phrases of its text; the first that fits is it."""

_OTHERS: tuple[tuple[str, str], ...] = (
    ("AGPL-3.0-only", "gnu affero general public license"),
    ("LGPL-2.1-or-later", "gnu lesser general public license"),
    ("LGPL-2.0-or-later", "gnu library general public license"),
    ("GPL-2.0-or-later", "gnu general public license"),
    ("MPL-2.0", "mozilla public license"),
    ("EPL-2.0", "eclipse public license"),
    ("CDDL-1.0", "common development and distribution license"),
    ("CC-BY-SA-4.0", "creative commons"),
    ("BUSL-1.1", "business source license"),
    ("SSPL-1.0", "server side public license"),
    ("LicenseRef-Restricted", "commons clause"),
    ("LicenseRef-Restricted", "for good not evil"),
    ("LicenseRef-Restricted", "non commercial"),
    ("LicenseRef-Restricted", "noncommercial"),
    ("LicenseRef-Restricted", "for use in the design construction operation or maintenance of any nuclear facility"),
)
"""Names that no text of a permitted licence holds: found beside one, they speak of a second licence."""

_GNU_TITLE = re.compile(
    r"gnu (?:(lesser|library|affero) )?general public license version (\d)(?: (\d))? (?:\d\d? )?[a-z]{3,9} "
    r"(?:19|20)\d\d"
)
_GNU_FAMILIES = {"": "GPL", "lesser": "LGPL", "library": "LGPL", "affero": "AGPL"}
_SAID_IN_GNU_TEXTS = ("gnu ", "noncommercial")
"""A licence of the GNU family names the others, and allows noncommercial redistribution in one more way."""

_SPDX_LINE = re.compile(r"^[^\w\n]{0,20}SPDX-License-Identifier:[ \t]*([^\n]{1,200})$", re.MULTILINE | re.IGNORECASE)
_COMMENT_END = re.compile(r"\s*(?:\*/|-->|\*\)|-\}|\]\]|#>|\"\"\"|''')?\s*\Z")
_COPYLEFT_NOTICE = re.compile(
    r"(?:redistribute|modify|distributed|licensed|released|available|use)\b[^;]{0,200}?"
    r"\bgnu (?:(lesser|library|affero) )?general public licen[sc]e"
)
_APACHE_NOTICE = (
    "under the apache license version 2 0 the license you may not use this file except in compliance with the license"
)
_COPYLEFT = {
    None: "GPL-2.0-or-later",
    "lesser": "LGPL-2.1-or-later",
    "library": "LGPL-2.0-or-later",
    "affero": "AGPL-3.0-only",
}


def spdx_expression(key: str | None) -> str | None:
    """A licence key or expression in SPDX's spelling (`mit` → `MIT`), or None where it names no licence of SPDX."""
    if not key or len(key) > MAX_EXPRESSION_CHARS:
        return None
    try:
        return str(canonicalize_license_expression(key))
    except InvalidLicenseExpression:
        return None


def all_of(expressions: Iterable[str]) -> str | None:
    """One expression that asks for each of those given; None for none."""
    parts = (
        part for item in expressions for part in ([item] if "(" in item or " OR " in item else item.split(" AND "))
    )
    distinct = sorted(set(parts))
    joined = [f"({item})" if " OR " in item and len(distinct) > 1 else item for item in distinct]
    return " AND ".join(joined) or None


def license_of_text(text: str) -> str | None:
    """The licence whose text this is, all of them where it holds several, or None."""
    words = _as_words(text[:MAX_LICENSE_CHARS]).replace("commercial or non commercial", "commercial")
    found: list[str] = []
    for name, phrases in _TEXTS:
        of_known_family = name.startswith("BSD") and any(other.startswith("BSD") for other in found)
        if not of_known_family and all(phrase in words for phrase in phrases):
            found.append(name)
    titles = _GNU_TITLE.findall(words)
    found += [f"{_GNU_FAMILIES[family]}-{major}.{minor or 0}-or-later" for family, major, minor in titles]
    passing = _SAID_IN_GNU_TEXTS if titles else ()
    found += [name for name, phrase in _OTHERS if phrase in words and not phrase.startswith(passing)]
    return all_of(found)


def license_of_notice(text: str) -> str | None:
    """What the head of a source file says of its own licence: an SPDX line, or a notice of the GNU licences."""
    head = text[:MAX_HEADER_CHARS]
    has_line = "spdx-license-identifier" in head.lower()
    lines = [_COMMENT_END.sub("", match[1]) for match in _SPDX_LINE.finditer(head)] if has_line else []
    if lines:
        return all_of(spdx_expression(line) or "LicenseRef-Unknown" for line in lines)
    notice = _COPYLEFT_NOTICE.search(_as_words(head)) if "eneral" in head or "ENERAL" in head else None
    return _COPYLEFT[notice[1]] if notice else None


def license_of_boilerplate(text: str) -> str | None:
    """The licence that the head of a source file puts it under, by its text or by Apache's notice."""
    head = text[:MAX_HEADER_CHARS]
    return license_of_text(head) or ("Apache-2.0" if _APACHE_NOTICE in _as_words(head) else None)


@lru_cache(maxsize=4096)
def is_permitted(expression: str, permitted: tuple[str, ...]) -> bool:
    """Whether an SPDX expression can be met with permitted licences alone.

    An exception (`WITH`) only ever grants more; `+` (or later) counts as the licence named.
    """
    tokens = re.findall(r"[()]|[^\s()]+", re.sub(r"\s+WITH\s+\S+", "", expression))
    value, rest = _any(tokens, frozenset(permitted))
    return value and not rest


def _any(tokens: list[str], permitted: frozenset[str]) -> tuple[bool, list[str]]:
    value, tokens = _every(tokens, permitted)
    while tokens and tokens[0] == "OR":
        other, tokens = _every(tokens[1:], permitted)
        value = value or other
    return value, tokens


def _every(tokens: list[str], permitted: frozenset[str]) -> tuple[bool, list[str]]:
    value, tokens = _one(tokens, permitted)
    while tokens and tokens[0] == "AND":
        other, tokens = _one(tokens[1:], permitted)
        value = value and other
    return value, tokens


def _one(tokens: list[str], permitted: frozenset[str]) -> tuple[bool, list[str]]:
    if tokens and tokens[0] == "(":
        value, tokens = _any(tokens[1:], permitted)
        return value, tokens[1:]
    return bool(tokens) and tokens[0].removesuffix("+") in permitted, tokens[1:]


def _as_words(text: str) -> str:
    return _WORDS.sub(" ", text.lower())
