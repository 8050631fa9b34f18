"""EPUBs give their spine's pages in order; what is encrypted, bent or endless has a reason."""

import io
import stat
import zipfile

import pytest

from pipeline.corpora import epub
from pipeline.corpora.book_archive import open_archive
from pipeline.corpora.books import book
from pipeline.corpora.epub import is_epub, read_epub
from pipeline.corpora.marked_book import BookError

CONTAINER = (
    '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>'
    '<rootfile full-path="{path}" media-type="application/oebps-package+xml"/></rootfiles></container>'
)
METADATA = (
    '<metadata xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:title>A Title</dc:title><dc:title>Other</dc:title>'
    "<dc:language>en-GB</dc:language><dc:rights>Public domain in the USA.</dc:rights><dc:date>2008-06-17</dc:date>"
    "<dc:source>https://www.gutenberg.org/files/84/84-h/84-h.htm</dc:source></metadata>"
)
PAGES = {"one.xhtml": "<h1>I</h1><p>It was\ndark.</p>", "two.xhtml": "<h1>II</h1><p>It was bright.</p>"}
XHTML = "application/xhtml+xml"


def package(items, spine=None, metadata=METADATA, guide=""):
    manifest = "".join(f'<item id="i{n}" href="{href}" {rest}/>' for n, (href, rest) in enumerate(items))
    spine = "".join(f'<itemref idref="i{n}"/>' for n in range(len(items))) if spine is None else spine
    return (
        f'<?xml version="1.0"?><package xmlns="http://www.idpf.org/2007/opf">{metadata}'
        f"<manifest>{manifest}</manifest><spine>{spine}</spine>{guide}</package>"
    )


def pages(*names):
    return [(name, f'media-type="{XHTML}"') for name in names]


def archive(files, attributes=0):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, text in files.items():
            info = zipfile.ZipInfo(name)
            info.compress_type, info.external_attr = zipfile.ZIP_DEFLATED, attributes if name in PAGES else 0
            packed.writestr(info, text)
    return open_archive(io.BytesIO(content.getvalue()))


def book_of(opf=None, path="content.opf", extra=None, **settings):
    opf = package(pages(*PAGES)) if opf is None else opf
    bodies = {name: f"<html><head><title>x</title></head><body>{body}</body></html>" for name, body in PAGES.items()}
    files = {"mimetype": "application/epub+zip", epub.CONTAINER: CONTAINER.format(path=path), path: opf}
    return read_epub(
        archive(files | bodies | (extra or {}), settings.get("attributes", 0)), settings.get("room", 1 << 20)
    )


def reason(*arguments, **settings):
    with pytest.raises(BookError) as caught:
        book_of(*arguments, **settings)
    return caught.value.reason


TEXT = "I\n\nIt was dark.\n\nII\n\nIt was bright."


def test_a_book_is_its_pages_and_its_metadata():
    found = book_of()
    assert (found.text, found.title, found.language) == (TEXT, "A Title", "en")
    assert (found.rights, found.date) == ("Public domain in the USA.", "2008-06-17")
    assert found.url == "https://www.gutenberg.org/files/84/84-h/84-h.htm"


def test_pages_come_in_the_order_of_the_spine():
    opf = package(pages(*PAGES), spine='<itemref idref="i1"/><itemref idref="i0"/>')
    assert book_of(opf).text == "II\n\nIt was bright.\n\nI\n\nIt was dark."


def test_epub_2_has_its_metadata_one_level_down_and_its_rights_unknown():
    metadata = '<metadata><dc-metadata xmlns:dc="x"><dc:Title>Old</dc:Title></dc-metadata></metadata>'
    found = book_of(package(pages(*PAGES), metadata=metadata))
    assert (found.title, found.rights, found.language, found.url) == ("Old", None, None, None)


@pytest.mark.parametrize(
    "left_out",
    [
        '<item id="n" href="two.xhtml" media-type="application/xhtml+xml" properties="nav scripted"/>',
        '<item id="n" href="two.xhtml" media-type="image/svg+xml"/>',
    ],
)
def test_menus_and_pictures_are_no_pages(left_out):
    opf = package(pages("one.xhtml"), spine='<itemref idref="i0"/><itemref idref="n"/>')
    assert book_of(opf.replace("</manifest>", f"{left_out}</manifest>")).text == "I\n\nIt was dark."


@pytest.mark.parametrize("kind", ["toc", "cover", "loi"])
def test_tables_of_contents_named_by_the_guide_go(kind):
    guide = f'<guide><reference type="{kind}" href="two.xhtml"/></guide>'
    assert book_of(package(pages(*PAGES), guide=guide)).text == "I\n\nIt was dark."


def test_pages_beside_the_line_of_reading_go():
    spine = '<itemref idref="i0"/><itemref idref="i1" linear="no"/><itemref idref="i0"/><itemref idref="none"/>'
    assert book_of(package(pages(*PAGES), spine=spine)).text == "I\n\nIt was dark."


@pytest.mark.parametrize("href", ["../one.xhtml", "./../one.xhtml#part", "%2e%2e/one%2Exhtml", "x/../../one.xhtml"])
def test_addresses_are_relative_to_the_package(href):
    assert book_of(package(pages(href)), path="OEBPS/content.opf").text == "I\n\nIt was dark."


@pytest.mark.parametrize(
    "href", ["../../etc/passwd", "/etc/passwd", "file:///etc/passwd", "http://x.org/a", "three.xhtml"]
)
def test_addresses_that_lead_out_are_not_followed(href):
    assert reason(package(pages(href))) == "broken_epub"


@pytest.mark.parametrize(
    "opf, told",
    [
        (package([]), "broken_epub"),
        ("<package>", "malformed_markup"),
        ('<!DOCTYPE package [<!ENTITY a "b">]><package/>', "declares_entities"),
        ("<a>" * 300, "nested_too_deeply"),
    ],
)
def test_a_broken_package_is_told(opf, told):
    assert reason(opf) == told


def test_a_missing_package_is_told():
    with pytest.raises(BookError) as caught:
        read_epub(archive({epub.CONTAINER: CONTAINER.format(path="none.opf")}), 1000)
    assert caught.value.reason == "broken_epub"
    with pytest.raises(BookError) as caught:
        read_epub(archive({epub.CONTAINER: "<container/>"}), 1000)
    assert caught.value.reason == "broken_epub"


ENCRYPTED = '<encryption><EncryptedData><EncryptionMethod Algorithm="{way}"/></EncryptedData></encryption>'


@pytest.mark.parametrize(
    "extra",
    [
        {"META-INF/encryption.xml": ENCRYPTED.format(way="http://www.w3.org/2001/04/xmlenc#aes128-cbc")},
        {"META-INF/encryption.xml": "<encryption/>"},
        {"META-INF/rights.xml": "<rights/>"},
        {"META-INF/license.lcpl": "{}"},
    ],
)
def test_a_book_under_lock_is_refused(extra):
    assert reason(extra=extra) == "encrypted_book"


@pytest.mark.parametrize("way", ["http://www.idpf.org/2008/embedding", "http://ns.adobe.com/pdf/enc#RC"])
def test_obfuscated_fonts_are_no_lock(way):
    assert book_of(extra={"META-INF/encryption.xml": ENCRYPTED.format(way=way)}).text == TEXT


@pytest.mark.parametrize("bound, fine", [(2, True), (1, False)])
def test_a_spine_is_bounded(monkeypatch, bound, fine):
    monkeypatch.setattr(epub, "MAX_SPINE", bound)
    assert book_of().text == TEXT if fine else reason() == "too_many_members"


def test_a_page_many_times_in_the_spine_is_one():
    assert book_of(package(pages("one.xhtml"), spine='<itemref idref="i0"/>' * 500)).text == "I\n\nIt was dark."


def test_a_spine_of_a_million_pages_is_refused():
    items = pages(*(f"{n}.xhtml" for n in range(20_000)))
    assert reason(package(items)) == "too_many_members"


@pytest.mark.parametrize("room, fine", [(171, True), (170, False)])
def test_the_pages_together_are_bounded(room, fine):
    assert book_of(room=room).text == TEXT if fine else reason(room=room) == "book_too_large"


def test_symbolic_links_deep_pages_and_bytes_without_a_meaning_are_told():
    assert reason(attributes=(stat.S_IFLNK | 0o777) << 16) == "link"
    assert reason(extra={"two.xhtml": "<div>" * 1000}) == "nested_too_deeply"
    assert reason(extra={"two.xhtml": b"\xff\xfeabc"}) == "undecodable"


def test_a_zip_of_books_is_no_epub():
    assert not is_epub(archive({"11.txt": "one"}))
    assert is_epub(archive({epub.CONTAINER: "x"}))


@pytest.mark.real
def test_a_real_book_survives_being_an_epub(real_data):
    (path,) = (real_data / "books").rglob("35-0.txt")
    paragraphs = [" ".join(part.split()) for part in book("book", path.read_bytes()).text.split("\n\n") if part.strip()]
    html = "".join(f"<p>{part.replace('&', '&amp;').replace('<', '&lt;')}</p>" for part in paragraphs)
    found = book_of(package(pages("book.xhtml")), extra={"book.xhtml": f"<html><body>{html}</body></html>"})
    assert found.text.split("\n\n") == paragraphs
