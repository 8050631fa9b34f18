"""Demo Wikipedia: a multistream dump for each of twenty languages and one more, marked up as real pages are."""

from collections.abc import Iterator
from pathlib import Path
from random import Random
from xml.sax.saxutils import escape

from pipeline.demo import languages
from pipeline.demo.containers import bzip2_streams, write_file
from pipeline.demo.prose import Passage, PassagePool

DATE = "20220701"
PAGES_A_STREAM = 25
_LANGUAGES = "bg ca cs da de en es fr hr hu it ja nl pl pt ro ru sl sr sv uk".split()  # ja is none of the twenty
_CUT_OFF, _DAMAGED, _NOT_XML = "sl", "hr", "nl"  # the editions that end in a fault

# What the namespaces of files and categories are called there; English names work everywhere.
_FILE = {"bg": "Файл", "cs": "Soubor", "da": "Fil", "de": "Datei", "es": "Archivo", "fr": "Fichier", "hr": "Datoteka",
         "hu": "Fájl", "it": "File", "nl": "Bestand", "pl": "Plik", "pt": "Ficheiro", "ro": "Fișier", "ru": "Файл",
         "sl": "Slika", "sr": "Датотека", "sv": "Fil", "uk": "Файл", "ca": "Fitxer"}  # fmt: skip
_CATEGORY = {"bg": "Категория", "cs": "Kategorie", "da": "Kategori", "de": "Kategorie", "es": "Categoría",
             "fr": "Catégorie", "hr": "Kategorija", "hu": "Kategória", "it": "Categoria", "nl": "Categorie",
             "pl": "Kategoria", "pt": "Categoria", "ro": "Categorie", "ru": "Категория", "sl": "Kategorija",
             "sr": "Категорија", "sv": "Kategori", "uk": "Категорія", "ca": "Categoria"}  # fmt: skip


def write(folder: Path, pool: PassagePool, chars: int, cited: list[str], rng: Random) -> None:
    """Writes the dumps. English has half of the text and cites each address of `cited` somewhere."""
    passages = pool.take(int(chars * 0.5))
    for language in _LANGUAGES:
        pages = _english(passages, cited, rng) if language == "en" else _towns(language, chars // 40, rng)
        _write_dump(folder, language, [*pages, *_odd_pages(language)])


def _write_dump(folder: Path, language: str, pages: list[tuple[str, int, str]]) -> None:
    elements = [_page(number, *page) for number, page in enumerate(pages, start=1)]
    if language == _NOT_XML:
        elements.append("  <page>\n    <title>Broken & <b></title>\n    <ns>0</ns>\n    <id>999\n  </page>\n")
    parts = [_head(language)]
    parts += ["".join(elements[at : at + PAGES_A_STREAM]) for at in range(0, len(elements), PAGES_A_STREAM)]
    content, offsets = bzip2_streams([*parts, "</mediawiki>\n"])
    if language == _CUT_OFF:
        content = content[: offsets[-1] - 200]
    if language == _DAMAGED:
        middle = offsets[-2] + 60
        content = content[:middle] + b"damaged on purpose" + content[middle + 18 :]
    stem = f"{language}wiki-{DATE}-pages-articles-multistream"
    write_file(folder / f"{language}wiki" / f"{stem}.xml.bz2", content)
    index = [f"{offsets[1 + at // PAGES_A_STREAM]}:{at + 1}:{page[0]}\n" for at, page in enumerate(pages)]
    write_file(folder / f"{language}wiki" / f"{stem}-index.txt.bz2", bzip2_streams(["".join(index)])[0])


def _english(passages: list[Passage], cited: list[str], rng: Random) -> list[tuple[str, int, str]]:
    addresses = list(cited)
    rng.shuffle(addresses)
    share = -(-len(addresses) // max(1, len(passages)))
    pages = []
    for number, passage in enumerate(passages):
        references = [_reference(address, rng) for address in addresses[number * share : (number + 1) * share]]
        title = f"{passage.title} ({passage.package}, part {number + 1})"
        pages.append((title, 0, _article("en", list(passage.paragraphs), references, rng)))
    return pages + _towns("en", 40_000 if len(passages) > 50 else 2_000, rng)


def _towns(language: str, chars: int, rng: Random) -> list[tuple[str, int, str]]:
    pages: list[tuple[str, int, str]] = []
    while sum(len(text) for _, _, text in pages) < chars:
        title = f"{languages.invented_name(rng)} ({len(pages) + 1})"
        pages.append((title, 0, _article(language, languages.article(language, rng, 6), [], rng)))
    return pages


def _article(language: str, paragraphs: list[str], references: list[str], rng: Random) -> str:
    """Wikitext: the text among an infobox, a picture, links, references, a table, a comment and categories."""
    file, category = _FILE.get(language, "File"), _CATEGORY.get(language, "Category")
    body = []
    for number, text in enumerate(paragraphs):
        if number and number % 3 == 0:
            body.append(f"== {' '.join(text.split()[:2]).strip('.,')} ==")
        body.append(_marked(text, rng) + "".join(references[number :: len(paragraphs)]))
    box = "{{Infobox settlement\n| name = X\n| population = {{formatnum:12345}}\n}}\n"
    picture = f"[[{file}:View of it.jpg|thumb|right|A view with a [[caption]]]]\n"
    table = '{| class="wikitable"\n! Year !! People\n|-\n| 1900 || 12\n|}\n'
    end = f"__NOTOC__\n<!-- a comment that must not stay -->\n[[{category}:Demo]]\n"
    references_section = "\n== References ==\n{{reflist}}\n" if references else ""
    return box + picture + "\n\n".join(body) + "\n\n" + table + references_section + end


def _marked(text: str, rng: Random) -> str:
    """The paragraph with one word linked and another one bold."""
    words = text.split(" ")
    for pattern in ("[[{0}]]", "[[Some page|{0}]]", "'''{0}'''"):
        at = rng.randrange(len(words))
        if words[at].isalpha():
            words[at] = pattern.format(words[at])
    return " ".join(words)


def _reference(address: str, rng: Random) -> str:
    name = "" if rng.random() < 0.7 else f' name="r{rng.randint(1, 9999)}"'
    if rng.random() < 0.5:
        return f"<ref{name}>{{{{cite web |url={address} |title=Manual |access-date=2022-06-01}}}}</ref>"
    return f"<ref{name}>[{address} Manual]</ref>"


def _odd_pages(language: str) -> Iterator[tuple[str, int, str]]:
    """A redirect, pages of other namespaces, one with nothing but markup and one that no brace closes."""
    yield "Old name", 0, "#REDIRECT [[Other name]]"
    yield "Talk:Other name", 1, "Someone says something here."
    yield "Template:Reflist", 10, "<references />"
    yield f"{_CATEGORY.get(language, 'Category')}:Demo", 14, "What belongs to the demo."
    yield "Only markup", 0, "{{stub}}\n[[File:X.png|thumb]]\n<!-- nothing -->\n"
    yield "Open braces", 0, "{{" * 200 + "Text after many braces that nobody closes."


def _head(language: str) -> str:
    return (
        '<mediawiki xmlns="http://www.mediawiki.org/xml/export-0.10/" version="0.10" '
        f'xml:lang="{language}">\n  <siteinfo>\n    <sitename>Wikipedia</sitename>\n'
        f"    <dbname>{language}wiki</dbname>\n"
        f"    <base>https://{language}.wikipedia.org/wiki/Main_Page</base>\n    <case>first-letter</case>\n"
        f'    <namespaces>\n      <namespace key="0" case="first-letter" />\n'
        f'      <namespace key="6" case="first-letter">{_FILE.get(language, "File")}</namespace>\n'
        f'      <namespace key="14" case="first-letter">{_CATEGORY.get(language, "Category")}</namespace>\n'
        "    </namespaces>\n  </siteinfo>\n"
    )


def _page(number: int, title: str, namespace: int, text: str) -> str:
    redirect = '    <redirect title="Other name" />\n' if text.startswith("#REDIRECT") else ""
    return (
        f"  <page>\n    <title>{escape(title)}</title>\n    <ns>{namespace}</ns>\n    <id>{number}</id>\n{redirect}"
        f"    <revision>\n      <id>{number + 1000}</id>\n      <timestamp>2022-06-30T12:00:00Z</timestamp>\n"
        "      <model>wikitext</model>\n      <format>text/x-wiki</format>\n"
        f'      <text bytes="{len(text.encode())}" xml:space="preserve">{escape(text)}</text>\n'
        "    </revision>\n  </page>\n"
    )
