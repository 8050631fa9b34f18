import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from pipeline.corpora.posts import RowSplitter
from pipeline.corpora.xml_attributes import MAX_ATTRIBUTES, xml_attributes

WANTED = ("a", "b", "c", "d", "B-c.d_e:f")


def by_libxml2(element: bytes) -> dict[str, str] | None:
    whole = element if element.endswith(b"/>") else element + b"</row>"
    try:
        found = etree.fromstring(whole, etree.XMLParser(resolve_entities=False, huge_tree=True))
    except etree.XMLSyntaxError:
        return None
    return dict(found.attrib) if found.tag == "row" and not found.text and not len(found) else None


@pytest.mark.parametrize(
    ("element", "attributes"),
    [
        (b"<row/>", {}),
        (b"<row >", {}),
        (b"<row a=\"1\" b='2' />", {"a": "1", "b": "2"}),
        (b"<row\n\ta\r=\n'\"'/>", {"a": '"'}),
        (b'<row a="\'>" B-c.d_e:f=""/>', {"a": "'>", "B-c.d_e:f": ""}),
        (b'<row a="&lt;&gt;&quot;&apos;&amp;"/>', {"a": "<>\"'&"}),
        (b'<row a="&amp;lt; &amp;#10;"/>', {"a": "&lt; &#10;"}),
        (b'<row a="&#38;amp;&#60;"/>', {"a": "&amp;<"}),
        (b'<row a="&#xA;&#10;&#x000a;&#xD;&#x9;x"/>', {"a": "\n\n\n\r\tx"}),
        (b'<row a="one\r\ntwo\nthree\tfour\rfive"/>', {"a": "one two three four five"}),
        ('<row a="é&#233;&#x1F600;日"/>'.encode(), {"a": "éé😀日"}),
        (b'<row a="&#x0;&#xB;&#31;&#xFFFE;&#xD800;"/>', {"a": "     "}),
    ],
)
def test_values_are_what_xml_says_that_they_are(element, attributes):
    assert xml_attributes(element, "row", WANTED) == attributes


@pytest.mark.parametrize(
    "element",
    [
        b"",
        b"<row",
        b"<row a",
        b"<row a=1/>",
        b'<row a="1"',
        b'<row a="1/>',
        b'<row a="1" /',
        b'<row a="1"b="2"/>',
        b'<row a="1" a="2"/>',
        b'<row a="<"/>',
        b'<row a="&"/>',
        b'<row a="&lt"/>',
        b'<row a="&lt;&nbsp;"/>',
        b'<row a="&lol9;"/>',
        b'<row a="&#x110000;"/>',
        b'<row a="&#xG;&#;&#X41;"/>',
        b'<row 1a="x"/>',
        b'<rows a="x"/>',
        b'<row a="\x01"/>',
        b'<row a="\xff"/>',
        b'<row a="\xed\xa0\x80"/>',
        b'<row a="\xef\xbf\xbf"/>',
        b'<row a="1"/> x',
        b'<row a="1"/>\n',
        b'x<row a="1"/>',
    ],
)
def test_what_is_not_well_formed_has_no_attributes(element):
    assert xml_attributes(element, "row", WANTED) is None
    if not element.endswith(b"\n"):
        assert by_libxml2(element) is None


@pytest.mark.parametrize(("count", "is_read"), [(MAX_ATTRIBUTES, True), (MAX_ATTRIBUTES + 1, False), (100_000, False)])
def test_an_element_has_so_many_attributes_at_most(count, is_read):
    element = "<row " + " ".join(f'a{n}="{n}"' for n in range(count)) + "/>"
    assert (xml_attributes(element.encode(), "row", ()) is not None) == is_read


@pytest.mark.parametrize("piece", [b"&#x0", b"&amp;", b"&", b"\n", b" a=", b"&#38;", b"\xc3\xa9", b"'", b"&#0000"])
def test_two_megabytes_of_anything_take_no_time(piece):
    found = xml_attributes(b'<row a="' + piece * (2_000_000 // len(piece)) + b'"/>', "row", ("a",))
    assert found is None or len(found["a"]) <= 2_000_000


PIECES = """&lt;|&gt;|&quot;|&amp;|&apos;|&#xA;|&#10;|&#x9;|&#38;|&#233;|&#x1F600;|&nbsp;|&amp|&|<|>|'|"| |  |\n|\r|\t|
\r\n|=|/|a="|b='|c|" d="|/>|é|日|x|;|#|lt;"""


@settings(max_examples=500)
@given(st.lists(st.sampled_from(PIECES.split("|")), max_size=12), st.sampled_from(['"/>', '">', "'/>", '" >', ""]))
def test_attributes_are_those_that_libxml2_reads(pieces, end):
    element = ('<row a="' + "".join(pieces) + end).encode()
    expected = by_libxml2(element)
    found = xml_attributes(element, "row", WANTED)
    assert found == expected or (expected is None and b"&#" in element)


@pytest.mark.real
def test_every_real_row_reads_as_by_libxml2(real_data):
    rows = []
    for path in sorted(real_data.glob("stackexchange/*/Posts.xml")):
        splitter = RowSplitter(max_bytes=1 << 22)
        rows += [raw for _, raw, _ in (*splitter.feed(path.read_bytes()), *splitter.close())]
    assert len(rows) == 5676
    for raw in rows:
        element = raw.rstrip().removesuffix(b"</posts>").rstrip().removesuffix(b"</row>")
        expected = by_libxml2(element)
        assert xml_attributes(element, "row", tuple(expected)) == expected
