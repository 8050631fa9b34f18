"""A book that comes in markup: its text, and what its metadata say."""

import re
from dataclasses import dataclass

from filters.books import PUBLIC_DOMAIN

_STATEMENT_CHARS = 200
_CREATIVE_COMMONS = re.compile(
    r"creativecommons\.org/licenses/(?P<terms>[a-z]{2}(?:-[a-z]{2}){0,3})/(?P<version>\d\.\d)", re.IGNORECASE
)
_SHORT_NAME = re.compile(r"\bCC[- ](?P<terms>BY(?:-(?:SA|NC|ND)){0,2})[- ](?P<version>\d\.\d)", re.IGNORECASE)
_NAMES = tuple(
    (re.compile(pattern, re.IGNORECASE), name)
    for pattern, name in (
        (r"public domain in the (?:USA|United States|U\.S\.)", PUBLIC_DOMAIN),
        (r"creativecommons\.org/publicdomain/zero/|\bCC0\b", "CC0-1.0"),
        (r"creativecommons\.org/publicdomain/mark/", "Public domain"),
        (r"^(?:(?:this|the) (?:work|book|text|e-?book) is )?(?:in the )?public domain\W*$", "Public domain"),
    )
)
_DATE = re.compile(r"(?<!\d)\d{4}(?:-(?:0[1-9]|1[0-2])(?:-(?:0[1-9]|[12]\d|3[01]))?)?(?!\d)")
_LANGUAGE = re.compile(r"([A-Za-z]{2,3})(?:[-_].*)?", re.DOTALL)
_THREE_LETTERS = dict(
    pair.split("=")
    for pair in (
        "eng=en fre=fr fra=fr ger=de deu=de spa=es ita=it por=pt dut=nl nld=nl lat=la grc=grc gre=el ell=el rus=ru "
        "pol=pl cze=cs ces=cs dan=da swe=sv nor=no fin=fi hun=hu rum=ro ron=ro slv=sl hrv=hr srp=sr "
        "bul=bg ukr=uk cat=ca"
    ).split()
)


class BookError(Exception):
    """A book that cannot be read; `reason` is one of the corpus's bad reasons."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(detail or reason)
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkedBook:
    """A book's text; title, language, rights, date and address as its metadata tell them, null where they do not."""

    text: str
    title: str | None = None
    language: str | None = None
    rights: str | None = None
    date: str | None = None
    url: str | None = None


def license_of(rights: str | None) -> str | None:
    """The licence that a statement of rights names: an SPDX identifier, public domain, or else the statement itself."""
    told = squeezed(rights)
    commons = _CREATIVE_COMMONS.search(told) or _SHORT_NAME.search(told)
    if commons:
        return f"CC-{commons['terms'].upper()}-{commons['version']}"
    known = (name for pattern, name in _NAMES if pattern.search(told))
    return next(known, told[:_STATEMENT_CHARS] or None)


def language_of(code: str | None) -> str | None:
    """The two letters of a language's code, `en` of `en-GB` and of `eng`; null where it is no code."""
    found = _LANGUAGE.fullmatch(code.strip()[:40]) if code else None
    return _THREE_LETTERS.get(found[1].lower(), found[1].lower()) if found else None


def date_of(told: str | None) -> str | None:
    """The first date in a statement, as far as it goes: a year, a month or a day."""
    found = _DATE.search(told[:_STATEMENT_CHARS]) if told else None
    return found[0] if found else None


def squeezed(text: str | None) -> str:
    """A statement in one line."""
    return " ".join((text or "")[: 10 * _STATEMENT_CHARS].split())
