"""The loop over HTML gives what its specification in plain Python gives, and on real posts what libxml2 gave."""

import random

import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from lxml import etree

from filters.html_text import NestedTooDeeplyError, html_to_text, htmls_to_texts
from tests.filters.html_specification import KINDS, TooDeepError, text_by_libxml2, text_of

TAILS = [
    "",
    "",
    " ",
    "/",
    " a=b",
    " start=5",
    ' start="-7"',
    " START = '3'",
    " start=x start=4",
    ' a="<p>"',
    " x=y/",
    ' "',
]
BITS = """text|é|日本|\n|\n\n| |  |\t|\r\n|\r|\0|\u00a0|1|2|+|-|n|−|&lt;|&amp|&#65;|&#x41|&#0;|&#x110000;|&#10;|&#32;
|&nbsp;|&notit;|&NotEqualTilde;|&#128;|&#xFFFF;|&|&#|&#x|<|</|<!|<!--|-->|--!>|<!-->|<!--->|<?x>|</>|</1>|>|"|'|=|/"""
NAMES = st.sampled_from([*KINDS, "b", "x", "TABLE", "Li"])
PIECES = st.one_of(
    st.builds("<{}{}>".format, NAMES, st.sampled_from(TAILS)),
    st.builds("</{}{}>".format, NAMES, st.sampled_from(["", " ", "/"])),
    st.sampled_from(BITS.split("|")),
)


@settings(max_examples=500)
@example(["<ol start=-1><li>", "x<br>"] * 9 + ["<pre>a\n\n\nb"])
@given(st.lists(PIECES, max_size=60))
def test_the_loop_does_what_its_specification_says(pieces):
    source = "".join(pieces)
    try:
        expected = text_of(source)
    except TooDeepError:
        with pytest.raises(NestedTooDeeplyError):
            html_to_text(source)
    else:
        assert html_to_text(source) == expected


@pytest.mark.real
def test_every_real_post_reads_as_by_libxml2_and_as_specified(real_data):
    bodies = []
    for path in sorted(real_data.glob("stackexchange/*/Posts.xml")):
        bodies += [row.get("Body", "") for _, row in etree.iterparse(path, tag="row", huge_tree=True)]
    assert len(bodies) == 5676
    found, too_deep = htmls_to_texts(pa.array(bodies, pa.large_string()))
    assert not too_deep.any()
    texts = found.to_pylist()
    assert [body for body, text in zip(bodies, texts, strict=True) if text_by_libxml2(body) != text] == []
    sample = random.Random(0).sample(range(len(bodies)), 1000)
    assert [at for at in sample if text_of(bodies[at]) != texts[at]] == []
