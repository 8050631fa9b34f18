"""Demo CommonCrawl: WET files of both header layouts, with all that makes the web hard to read."""

import base64
import hashlib
import re
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from pipeline.demo import chatter, languages
from pipeline.demo.containers import gzip_member, write_file
from pipeline.demo.prose import Passage, PassagePool

SEGMENTS = 4
_SEGMENTS_CHARS = 25_000_000  # Of so much prose there are as many segments once more: real ones are no larger.
_DUMPS = ("CC-MAIN-2019-35", "CC-MAIN-2021-04")  # before and after WARC-Identified-Content-Language
_ISO3 = {"en": "eng", "de": "deu", "fr": "fra", "es": "spa", "ru": "rus", "it": "ita", "ja": "jpn", "ar": "ara"}


@dataclass(slots=True, kw_only=True)
class _Page:
    url: str
    lines: list[str]
    language: str = "en"


@dataclass(slots=True, kw_only=True)
class _Web:
    """The pages, and the addresses of those that an encyclopedia might cite."""

    pages: list[_Page] = field(default_factory=list)
    good_urls: list[str] = field(default_factory=list)


def write(folder: Path, pool: PassagePool, chars: int, rng: Random) -> list[str]:
    """Writes the segments; the addresses of the good pages, for Wikipedia to cite."""
    web = _Web()
    _manuals(web, pool.take(int(chars * 0.75)), rng)
    _forums(web, pool.take(int(chars * 0.25)), rng)
    _noise(web, chars, rng)
    _foreign(web, chars // 8, rng)
    rng.shuffle(web.pages)
    segments = SEGMENTS * -(-chars // _SEGMENTS_CHARS)
    for number in range(segments):
        dump = _DUMPS[number % 2]
        name = f"{dump}-demo-{number:05d}.warc.wet.gz"
        content = _segment(web.pages[number::segments], name, with_language=number % 2 == 1)
        write_file(folder / dump / name, content + _broken(number))
    return sorted(web.good_urls)


def _manuals(web: _Web, passages: list[Passage], rng: Random) -> None:
    """Pages worth citing, each within the navigation of its site."""
    for number, passage in enumerate(passages):
        site = f"https://{passage.package.replace('_', '-')}.manuals.example.org"
        url = f"{site}/{_slug(passage.title)}-{number}.html"
        web.pages.append(_Page(url=url, lines=[passage.title, *_framed(list(passage.paragraphs), rng)]))
        web.good_urls.append(url)
        if number % 40 == 0:  # A mirror of the site: every line stands twice in the crawl.
            web.pages.append(_Page(url=url.replace("https://", "http://mirror."), lines=web.pages[-1].lines))


def _forums(web: _Web, passages: list[Passage], rng: Random) -> None:
    """Threads: sensible paragraphs between chat, which nobody cites."""
    for number, passage in enumerate(passages):
        lines = [f"{passage.title}: thread {number}"]
        for text in passage.paragraphs:
            lines += [text, chatter.remarks(rng, 2)] if rng.random() < 0.6 else [text]
        url = f"http://forum{number % 9}.example.com/thread?id={number}"
        web.pages.append(_Page(url=url, lines=_framed(lines, rng)))


def _noise(web: _Web, chars: int, rng: Random) -> None:
    """Shops, spam, stubs and pages of navigation alone."""
    for number in range(max(3, chars // 20_000)):
        shop = f"http://www.shop{number % 12}.example.com"
        shouting = [chatter.remarks(rng, rng.randint(3, 6)) for _ in range(rng.randint(2, 6))]
        junk = [chatter.spam(rng, rng.randint(20, 60)) for _ in range(rng.randint(3, 8))]
        stub = ["Page not found", chatter.remark(rng)]
        bare = ["Index", *chatter.NAVIGATION, *chatter.FOOTER]
        town = languages.article("en", rng, 4)
        for kind, lines in (("review", shouting), ("offers", junk), ("404", stub), ("index", bare), ("town", town)):
            framed = lines if kind in ("404", "index") else _framed([f"{kind} {number}", *lines], rng)
            web.pages.append(_Page(url=f"{shop}/{kind}/{number}?utm_source=demo", lines=framed))


def _foreign(web: _Web, chars: int, rng: Random) -> None:
    """Pages in the other languages, two of which no model of the demo has ever seen."""
    others = [language for language in languages.sentences() if language != "en"]
    for number in range(max(len(others), chars // 1500)):
        language = others[number % len(others)]
        lines = _framed([languages.invented_name(rng), *languages.article(language, rng, 4)], rng)
        web.pages.append(_Page(url=f"https://town{number}.example.{language}/", lines=lines, language=language))


def _framed(lines: list[str], rng: Random) -> list[str]:
    """The first line as title, then navigation, the text and a footer."""
    navigation = rng.sample(chatter.NAVIGATION, rng.randint(2, 5))
    return [lines[0], *navigation, *lines[1:], *rng.sample(chatter.FOOTER, rng.randint(1, 3))]


def _segment(pages: list[_Page], name: str, *, with_language: bool) -> bytes:
    fields = f"Software-Info: demo\r\nformat: WARC File Format 1.0\r\nfilename: {name}\r\n".encode()
    records = [_record("warcinfo", name, fields)]
    for page in pages:
        body = ("\n".join(page.lines) + "\n").encode()
        language = _ISO3.get(page.language, "und") if with_language else None
        records.append(_record("conversion", page.url, body, language=language))
    return b"".join(map(gzip_member, records))


def _record(kind: str, target: str, body: bytes, *, language: str | None = None) -> bytes:
    digest = base64.b32encode(hashlib.sha1(body).digest()).decode()
    identity = uuid.uuid5(uuid.NAMESPACE_URL, target)
    headers = [
        "WARC/1.0",
        f"WARC-Type: {kind}",
        f"WARC-{'Filename' if kind == 'warcinfo' else 'Target-URI'}: {target}",
        "WARC-Date: 2019-08-17T10:00:00Z",
        f"WARC-Record-ID: <urn:uuid:{identity}>",
    ]
    if kind == "warcinfo":
        headers.append("Content-Type: application/warc-fields")
    else:
        headers += [f"WARC-Refers-To: <urn:uuid:{uuid.uuid5(identity, 'warc')}>", f"WARC-Block-Digest: sha1:{digest}"]
        headers += [f"WARC-Identified-Content-Language: {language}"] if language is not None else []
        headers.append("Content-Type: text/plain")
    headers.append(f"Content-Length: {len(body)}")
    return "\r\n".join(headers).encode() + b"\r\n\r\n" + body + b"\r\n\r\n"


def _broken(number: int) -> bytes:
    """What stands at the end of a segment: a fault of its own for each."""
    text = b"Broken on purpose\n" + b"A line that should never be lost without a word.\n" * 12
    whole = gzip_member(_record("conversion", f"http://broken{number}.example.com/", text))
    not_utf8 = "Déjà vu à l'école\n".encode("latin-1") * 30
    latin = gzip_member(_record("conversion", "http://latin.example.com/", not_utf8))
    no_host = gzip_member(_record("conversion", "http://[not-an-address/", text))
    blank = gzip_member(_record("conversion", "http://blank.example.com/", b"\n"))
    metadata = gzip_member(_record("metadata", "http://metadata.example.com/", text))
    cracked = whole[:-8] + b"\0" * 4 + whole[-4:]
    too_long = _record("conversion", "http://long.example.com/", text)
    wrong_length = gzip_member(re.sub(rb"Content-Length: \d+", b"Content-Length: 99999", too_long))
    faults = (
        latin + blank + cracked,
        no_host + metadata + whole,
        b"not a gzip member" + whole + wrong_length,
        whole[: len(whole) // 2],
    )
    return faults[number % len(faults)]


def _slug(title: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")
