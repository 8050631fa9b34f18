"""A dump that is read in parts, by its streams, gives what it gives as a whole; its index is checked."""

import bz2
import gzip
import lzma
import random
from dataclasses import replace

import pytest

from pipeline.corpora import wikidump
from pipeline.corpora.corpus import BadRecord, RawDocument, RawFile
from pipeline.corpora.wikipedia import CORPUS
from pipeline.source_sections import Wikipedia


def in_parts(name, content, parts, beside=None, **settings):
    """Records of each part of a dump, with files that lie beside it."""
    files = {other: RawFile.of_bytes(other, data) for other, data in (beside or {}).items()}
    whole = replace(RawFile.of_bytes(name, content), beside=files.get, parts=parts)
    return [list(CORPUS.read(replace(whole, part=n), Wikipedia(**settings))) for n in range(1, parts + 1)]


HEADER = (
    '{declared}<mediawiki xml:lang="de"><siteinfo><dbname>dewiki</dbname><namespaces>'
    '<namespace key="1">Diskussion</namespace></namespaces></siteinfo>\n'
)
PAGES = (
    "<page><title>Diskussion:T{n}</title><id>{n}</id><revision><text>text {n}</text></revision></page>\n",
    "<page><title>T{n}</title><revision><text>no id, {n} ä</text></revision></page>\n",
    "<page><title>T{n}</title><id>{n}</id><revision><text>&bad;</text></revision></page>",
    "<page><title>T{n}</title><id>{n}</id><revision><text>" + "large " * 50 + "</text></revision></page>",
    "<page><title>T{n}</title><id>{n}</id><revision><text>cut",
    "<!-- between -->",
)


DUMP = f"<mediawiki>{PAGES[0].format(n=12)}</mediawiki>"


def random_dump(chance, *, packed):
    """A dump with pages of all kinds, good and bad; packed into streams that are cut anywhere, or at pages."""
    declared = chance.choice(["", '<?xml version="1.0" encoding="ISO-8859-1"?>', '<?xml version="1.0"?>'])
    kinds = chance.choice([PAGES[:1], PAGES[:2], PAGES])
    pieces = [HEADER.format(declared=declared)] + [
        chance.choice(kinds).format(n=n) for n in range(chance.randrange(30))
    ]
    pieces += ["</mediawiki>"] * chance.choice([1, 1, 0])
    if not packed:
        return "".join(pieces).encode()
    if chance.random() < 0.5:
        text = "".join(pieces)
        cuts = sorted(chance.randrange(len(text)) for _ in range(10))
        pieces = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    content = bytearray(b"".join(bz2.compress(piece.encode()) for piece in pieces))
    for _ in range(chance.choice([0, 0, 1, 3])):
        content[chance.randrange(10, len(content))] ^= 0xFF
    return bytes(content)


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("seed", range(60))
def test_the_parts_together_give_what_the_whole_gives(seed, packed):
    chance = random.Random(seed)
    content = random_dump(chance, packed=packed)
    whole = in_parts("dewiki.xml", content, 1, max_page_bytes=200)[0]
    for parts in (2, 3, chance.randrange(4, 40)):
        found = [record for part in in_parts("dewiki.xml", content, parts, max_page_bytes=200) for record in part]
        assert found == whole


@pytest.mark.parametrize("size", [1, 3, 7, 50])
@pytest.mark.parametrize("seed", range(6))
def test_it_does_not_matter_in_what_pieces_a_part_is_read(seed, size, monkeypatch):
    content = random_dump(random.Random(seed), packed=seed % 2 == 0)
    monkeypatch.setattr(wikidump, "CHUNK_BYTES", size)
    whole = in_parts("dewiki.xml", content, 1)[0]
    assert [record for part in in_parts("dewiki.xml", content, 5) for record in part] == whole


@pytest.mark.parametrize(
    "content",
    [
        gzip.compress(DUMP.encode()),
        lzma.compress(DUMP.encode()),
        f'<?xml version="1.0" encoding="UTF-16"?>{DUMP}'.encode("utf-16"),
        b'<!DOCTYPE m [<!ENTITY a "x">]>' + DUMP.encode(),
        b"7z\xbc\xaf\x27\x1c",
    ],
)
def test_what_cannot_be_split_is_read_by_the_first_part(content):
    first, *others = in_parts("dewiki.xml", content, 3)
    assert (len(first), others) == (1, [[], []])


@pytest.mark.parametrize("parts", [1, 3])
def test_a_dump_without_a_page_is_told_once(parts):
    content = f"<mediawiki>{' ' * 1000}</mediawiki>".encode()
    found = [record.reason for part in in_parts("dewiki.xml", content, parts) for record in part]
    assert found == ["no_pages"]


@pytest.mark.parametrize(
    ("name", "size", "units"),
    [
        ("enwiki-20220720-pages-articles-multistream.xml.bz2", 1000, 10),
        ("enwiki-20220720-pages-articles1.xml-p1p41242.bz2", 1001, 11),
        ("enwiki-20220720-pages-articles1.xml-p1p41242", 200, 2),
        ("enwiki.xml", 100, 1),
        ("enwiki.xml", 0, 1),
        ("enwiki.xml.gz", 1000, 1),
        ("enwiki.xml.xz", 1000, 1),
        ("enwiki.xml.7z", 1000, 1),
    ],
)
def test_how_many_parts_a_dump_has_follows_from_its_name_and_size(name, size, units):
    assert CORPUS.parts(name, size, Wikipedia(part_bytes=100)) == units


def multistream(*texts, listed=None):
    """A dump of a stream each, and its index, which lists what it should or `listed`."""
    streams = [bz2.compress(HEADER.format(declared="").encode())]
    lines = []
    for n, text in enumerate(texts, 1):
        lines.append(f"{sum(map(len, streams))}:{n}:T{n}\n")
        streams.append(bz2.compress(PAGES[0].format(n=n).replace("text", text).encode()))
    streams.append(bz2.compress(b"</mediawiki>"))
    return b"".join(streams), "".join(lines if listed is None else listed(lines))


MULTISTREAM = "dewiki-20220720-pages-articles-multistream.xml.bz2"
INDEX = "dewiki-20220720-pages-articles-multistream-index.txt"


@pytest.mark.parametrize("ending", ["", ".bz2"])
def test_an_index_that_is_right_says_nothing(ending):
    content, lines = multistream(*"abcdefgh")
    index = bz2.compress(lines.encode()) if ending else lines.encode()
    for parts in (1, 4):
        found = in_parts(MULTISTREAM, content, parts, {INDEX + ending: index})
        assert [record.key for part in found for record in part] == [str(n) for n in range(1, 9)]


@pytest.mark.parametrize(
    ("listed", "reason", "detail"),
    [
        (lambda lines: lines[:-2], "index_differs", "2 of 8 streams differ"),
        (lambda lines: [*lines[:3], lines[2], *lines[3:]], "index_differs", "1 of 8 streams differ"),
        (lambda lines: [*lines[:3], f"{int(lines[2].split(':')[0]) + 5}:7:T\n", *lines[3:]], "index_differs", "1 of 9"),
        (lambda lines: [*lines, "99999999:7:T\n"], "index_unusable", "byte 99999999 after"),
        (lambda lines: lines[::-1], "index_unusable", "after byte"),
        (lambda lines: ["-5:1:T\n", *lines], "index_unusable", "no offset:page:title"),
        (lambda lines: lines[:1] * 1_000_000, "index_differs", "8 of 8 streams differ"),
        (lambda lines: [], "index_unusable", "it lists nothing"),
        (lambda lines: ["x" * 100_000], "index_unusable", "a line of more than"),
    ],
)
def test_an_index_that_is_wrong_is_told_and_every_page_is_read(listed, reason, detail):
    content, lines = multistream(*"abcdefgh", listed=listed)
    for parts in (1, 4):
        records = [r for part in in_parts(MULTISTREAM, content, parts, {INDEX: lines.encode()}) for r in part]
        pages = [record.key for record in records if isinstance(record, RawDocument)]
        bad = [record for record in records if isinstance(record, BadRecord)]
        assert pages == [str(n) for n in range(1, 9)]
        assert {record.reason for record in bad} == {reason}
        assert parts > 1 or detail in bad[0].detail


def test_a_damaged_stream_says_how_many_pages_it_cost_and_the_index_is_not_blamed():
    content, lines = multistream(*"abcdefgh")
    spoiled = bytearray(content)
    spoiled[int(lines.splitlines()[4].split(":")[0]) + 30] ^= 0xFF
    (records,) = in_parts(MULTISTREAM, bytes(spoiled), 1, {INDEX: lines.encode()})
    (bad,) = [record for record in records if isinstance(record, BadRecord)]
    assert (len(records), bad.reason) == (8, "damaged_stream")
    assert bad.detail.endswith("1 pages by the index")
