"""XML is read without document types, entities and addresses, whatever it asks for."""

import time
import tracemalloc

import pytest

from pipeline.corpora.marked_book import BookError
from pipeline.corpora.safe_xml import MAX_DEPTH, read_xml, without_prolog, xml_events


def reason(text):
    with pytest.raises(BookError) as caught:
        list(xml_events(text))
    return caught.value.reason


def test_events_come_in_order_and_without_namespaces():
    text = '<a xmlns="u" xmlns:x="v" x:b="1">one<x:c/>two</a>'
    assert list(xml_events(text)) == [
        ("start", "a", {"b": "1"}),
        ("text", "one", {}),
        ("start", "c", {}),
        ("end", "c", {}),
        ("text", "two", {}),
        ("end", "a", {}),
    ]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252", "mac_roman"])
def test_bytes_are_read_in_their_encoding(encoding):
    text = f'<?xml version="1.0" encoding="{encoding}"?><a>un café été</a>'
    assert "".join(event[1] for event in read_xml(text.encode(encoding)) if event[0] == "text") == "un café été"


def test_bytes_in_no_encoding_are_undecodable():
    with pytest.raises(BookError) as caught:
        list(read_xml(b"\xff\xfeabc"))
    assert caught.value.reason == "undecodable"


BOMB = '<!DOCTYPE a [<!ENTITY b "ha"><!ENTITY c "&b;&b;&b;">]><a>&c;</a>'


@pytest.mark.parametrize(
    "text",
    [
        BOMB,
        '<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>',
        '<!DOCTYPE a [<!ENTITY % b SYSTEM "http://x.org/b.dtd"> %b;]><a/>',
        "<!DOCTYPE a [ %b; ]><a/>",
        "<!-- x --><?y?>\n" + BOMB,
        "<!DOCTYPE a [ <!-- ] --> ]><a/>",
        "<!DOCTYPE a",
        "<!ELEMENT a ANY><a/>",
    ],
)
def test_a_document_type_that_declares_entities_is_refused(text):
    assert reason(text) == "declares_entities"


@pytest.mark.parametrize(
    "prolog",
    [
        "<!DOCTYPE a>",
        '<!DOCTYPE a SYSTEM "http://x.org/a.dtd">',
        "<!DOCTYPE a PUBLIC '-//X//Y' 'http://x.org/a.dtd'>",
        "<!DOCTYPE a [<!ELEMENT a ANY>]>",
        '<?xml version="1.0"?>\n<!-- <a> -->\n<!DOCTYPE a>\n',
    ],
)
def test_a_document_type_without_entities_is_not_read(prolog):
    assert without_prolog(prolog + "<a/>").strip() == "<a/>"


@pytest.mark.parametrize(
    "text, told",
    [
        ("caf&eacute;&nbsp;&mdash;", "café\xa0—"),
        ("&amp;&lt;&gt;&quot;&apos;", "&<>\"'"),
        ("&unheard;", "&unheard;"),
        ("&#233;&#xe9;", "éé"),
        ("<![CDATA[<b>]]>", "<b>"),
        ("a\x01b\x0bc", "abc"),
    ],
)
def test_characters_come_by_their_names(text, told):
    assert "".join(name for kind, name, _ in xml_events(f"<a>{text}</a>") if kind == "text") == told


@pytest.mark.parametrize("text", ["", "words", "<a>", "<a></b>", "<a/><b/>", "<a b=c/>", "<a>&#0;</a>"])
def test_what_is_not_well_formed_is_told(text):
    assert reason(text) == "malformed_markup"


@pytest.mark.parametrize("levels, fine", [(MAX_DEPTH, True), (MAX_DEPTH + 1, False)])
def test_depth_is_bounded(levels, fine):
    text = "<a>" * levels + "</a>" * levels
    assert len(list(xml_events(text))) == 2 * levels if fine else reason(text) == "nested_too_deeply"


@pytest.mark.parametrize("piece", ["x", "<b/>", "&amp;", "&eacute;", "<!-- x -->", "<?x?>", "<![CDATA[x]]>"])
def test_long_documents_take_bounded_time_and_memory(piece):
    text = f"<a>{piece * (500_000 // len(piece))}</a>"
    tracemalloc.start()
    before = time.process_time()
    for _ in xml_events(text):
        pass
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert time.process_time() - before < 20
    assert peak < 20_000_000


@pytest.mark.parametrize(
    "piece", ["<!-- x -->", "<?x?>", " ", "<!DOCTYPE a>", "<!DOCTYPE a '", "<!-", "<!DOCTYPE a [<!--"]
)
def test_a_hostile_prolog_takes_bounded_time(piece):
    before = time.process_time()
    with pytest.raises(BookError):
        list(xml_events(piece * (2_000_000 // len(piece))))
    assert time.process_time() - before < 10
