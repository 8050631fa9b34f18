"""The web pages that a Wikipedia article cites: positive examples for the reference classifier."""

import re

MAX_CITED_URLS = 5000
"""More links than this on one page are no citations."""

_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
_REF_OPEN = re.compile(r"<ref(?:\s[^<>]*+)?>", re.IGNORECASE)
_REF_CLOSE = re.compile(r"</ref\s{0,20}>", re.IGNORECASE)
_CITE_TEMPLATE = re.compile(
    r"\{\{\s{0,20}(?:cite|citation|cita|citar|citace|citeer|cytuj|internetquelle|literatur|lien web|ouvrage|article|"
    r"kilde|webbref|bokref|navedi|cit web|ref-web|книга|статья|публикация|цитат)[^{}]{0,4000}+",
    re.IGNORECASE,
)
_URL_PARAMETER = re.compile(
    r"\|\s{0,20}(?:url|URL|Online|ссылка|adresse)\s{0,20}=\s{0,20}(https?://[^\s|{}<>\[\]\"]++)"
)
_URL = re.compile(r"https?://[^\s|{}<>\[\]\"]++", re.IGNORECASE)
_ARCHIVES = ("://web.archive.org/", "://archive.is/", "://archive.today/", "://archive.ph/", "://www.webcitation.org/")


def cited_urls(wikitext: str) -> tuple[str, ...]:
    """External URLs in `<ref>…</ref>` and in citation templates, in order, each once, without archived copies."""
    if "://" not in wikitext:
        return ()
    text = _COMMENT.sub("", wikitext)
    found: dict[int, str] = {}
    for start, end in _references(text):
        found |= {match.start(): match[0] for match in _URL.finditer(text, start, end)}
    for template in _CITE_TEMPLATE.finditer(text):
        found |= {match.start(1): match[1] for match in _URL_PARAMETER.finditer(text, *template.span())}
    ordered = (found[position].rstrip(".,;:!?'*)") for position in sorted(found))
    kept = (url for url in ordered if not any(archive in url for archive in _ARCHIVES) and len(url) > len("https://"))
    return tuple(dict.fromkeys(kept))[:MAX_CITED_URLS]


def _references(text: str) -> list[tuple[int, int]]:
    """Where the contents of references lie; `<ref name="a" />` has none."""
    spans, position = [], 0
    while opening := _REF_OPEN.search(text, position):
        position = opening.end()
        if opening[0].endswith("/>"):
            continue
        closing = _REF_CLOSE.search(text, position)
        if not closing:
            break
        spans.append((position, closing.start()))
        position = closing.end()
    return spans
