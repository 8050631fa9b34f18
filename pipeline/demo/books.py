"""Demo books: Project Gutenberg texts of several ages, in two encodings, and books in EPUB and TEI; some overlap."""

import textwrap
from html import escape
from pathlib import Path
from random import Random

from pipeline.demo import languages
from pipeline.demo.containers import write_file, zip_archive
from pipeline.demo.prose import Passage, PassagePool

BOOKS = 8
_FIRST_NUMBER = 60_101
_FREE = "This eBook is for the use of anyone anywhere in the United States and\n"
_OWNED = "** This is a COPYRIGHTED Project Gutenberg eBook, Details Below **\n\n" + _FREE


def write(folder: Path, pool: PassagePool, chars: int, rng: Random) -> None:
    """Writes English books, a second edition of one, a volume that holds another, and odd ones."""
    numbers = iter(range(_FIRST_NUMBER, _FIRST_NUMBER + 100))
    passages = pool.take(int(chars * 0.8))
    bodies = [_chapters(passages[number::BOOKS], width=72) for number in range(BOOKS)]
    for index, body in enumerate(bodies):
        _write(folder, next(numbers), _modern(f"The Demo Reader, Volume {index + 1}", body))
    again = _chapters(passages[0::BOOKS], width=60).replace("colour", "color").replace("CHAPTER", "Chapter")
    _write(folder, next(numbers), _old("The Demo Reader", again))
    appendix = _chapters(passages[2::BOOKS][:2], width=72)
    volume = f"{bodies[1]}\n\n\nAPPENDIX\n\n{appendix}"
    _write(folder, next(numbers), _modern("The Demo Reader and an Appendix", volume))
    german = _modern("Kleine Städte", _towns("de", chars // 14, rng), language="German")
    _write(folder, next(numbers), german, encoding="iso-8859-1", suffix="-8")
    french = _modern("Petites villes", _towns("fr", chars // 14, rng), language="French")
    _write(folder, next(numbers), french, suffix="-0")
    _write(folder, next(numbers), _modern("A Very Short Book", "The end."))
    _write(folder, next(numbers), _chapters(passages[1::BOOKS][-1:], width=72))  # without any wrapper
    _write(folder, next(numbers), "")
    owned = _modern("A Book with an Owner", _chapters(passages[3::BOOKS][:3], width=72))
    _write(folder, next(numbers), owned.replace(_FREE, _OWNED))
    write_file(folder / "6" / "binary.txt", bytes(range(256)) * 40)
    write_file(folder / "epub" / "reader-5.epub", _epub("The Demo Reader, Volume 5", passages[4::BOOKS]))
    write_file(folder / "tei" / "reader-6.xml", _tei("The Demo Reader, Volume 6", passages[5::BOOKS]).encode())


def _write(folder: Path, number: int, text: str, *, encoding: str = "utf-8", suffix: str = "") -> None:
    place = folder.joinpath(*str(number)[:-1], str(number), f"{number}{suffix}.txt")
    write_file(place, text.replace("\n", "\r\n").encode(encoding, "replace"))


def _chapters(passages: list[Passage], *, width: int) -> str:
    chapters = []
    for number, passage in enumerate(passages, start=1):
        paragraphs = "\n\n".join(textwrap.fill(text, width) for text in passage.paragraphs)
        chapters.append(f"CHAPTER {number}. {passage.title}\n\n{paragraphs}")
    return "\n\n\n".join(chapters)


def _towns(language: str, chars: int, rng: Random) -> str:
    paragraphs: list[str] = []
    while sum(map(len, paragraphs)) < chars:
        paragraphs.append(textwrap.fill(languages.paragraph(language, rng, 5), 70))
    return "\n\n".join(paragraphs)


def _epub(title: str, passages: list[Passage]) -> bytes:
    """A volume once more, as an EPUB with a chapter a page, page numbers and a menu."""
    pages = {
        f"chapter-{number}.xhtml": f"<html><head><title>{title}</title></head><body><h2>CHAPTER {number}. "
        f"{escape(passage.title)}</h2><span class='pagenum'>[Pg {number}]</span>{_paragraphs(passage)}</body></html>"
        for number, passage in enumerate(passages, start=1)
    }
    menu = "".join(f"<li><a href='{name}'>{name}</a></li>" for name in pages)
    pages["menu.xhtml"] = f"<html><body><nav epub:type='toc'><ol>{menu}</ol></nav></body></html>"
    items = "".join(f"<item id='{name}' href='{name}' media-type='application/xhtml+xml'/>" for name in pages)
    spine = "".join(f"<itemref idref='{name}'/>" for name in pages)
    package = (
        f"<package><metadata><title>{title}</title><language>en</language><rights>Public domain</rights></metadata>"
        f"<manifest>{items}</manifest><spine>{spine}</spine></package>"
    )
    container = "<container><rootfiles><rootfile full-path='OPS/package.opf'/></rootfiles></container>"
    own = {"mimetype": "application/epub+zip", "META-INF/container.xml": container, "OPS/package.opf": package}
    return zip_archive(own | {f"OPS/{name}": page for name, page in pages.items()})


def _tei(title: str, passages: list[Passage]) -> str:
    """A volume once more, as an edition in TEI with notes and page breaks, and without a word of its rights."""
    chapters = "".join(
        f"<div type='chapter'><head>CHAPTER {number}. {escape(passage.title)}<note>Of the demo.</note></head>"
        f"<pb n='{number}'/>{_paragraphs(passage)}</div>"
        for number, passage in enumerate(passages, start=1)
    )
    header = f"<teiHeader><fileDesc><titleStmt><title>{title}</title></titleStmt></fileDesc></teiHeader>"
    return f"<TEI xmlns='http://www.tei-c.org/ns/1.0'>{header}<text xml:lang='en'><body>{chapters}</body></text></TEI>"


def _paragraphs(passage: Passage) -> str:
    return "".join(f"<p>{escape(text)}</p>" for text in passage.paragraphs)


def _modern(title: str, body: str, *, language: str = "English") -> str:
    return f"""The Project Gutenberg eBook of {title}, by The Demo

This eBook is for the use of anyone anywhere in the United States and
most other parts of the world at no cost and with almost no restrictions
whatsoever. You may copy it, give it away or re-use it under the terms
of the Project Gutenberg License included with this eBook or online at
www.gutenberg.org.

Title: {title}

Author: The Demo

Release Date: July 1, 2022 [eBook #60100]

Language: {language}

Character set encoding: UTF-8

Produced by: The Demo

*** START OF THE PROJECT GUTENBERG EBOOK {title.upper()} ***




{title.upper()}

by The Demo



{body}





*** END OF THE PROJECT GUTENBERG EBOOK {title.upper()} ***

Updated editions will replace the previous one--the old editions will
be renamed.

START: FULL LICENSE

THE FULL PROJECT GUTENBERG LICENSE

PLEASE READ THIS BEFORE YOU DISTRIBUTE OR USE THIS WORK
"""


def _old(title: str, body: str) -> str:
    return f"""Project Gutenberg's {title}, by The Demo

Copyright laws are changing all over the world, be sure to check
the copyright laws for your country before posting these files!!

*** START: FULL LICENSE SMALL PRINT ***

*END*THE SMALL PRINT! FOR PUBLIC DOMAIN ETEXTS*Ver.04.29.93*END*

This etext was prepared by The Demo.


{title.upper()}


{body}


End of Project Gutenberg's {title}, by The Demo
"""
