"""A page is put together from what expat says, and knows where in the dump it lies."""

import pytest

from pipeline.corpora.wikipage import EncodingError, EntityError, NestedPageError, Page, PageHandler, Places, Site


def handled(content, max_page_bytes=1000, site=None):
    """The handler after a parser was fed the content."""
    handler = PageHandler(site or Site(), max_page_bytes, "")
    parser = handler.parser()
    handler.places.add(0, None, 0)
    parser.Parse(content.encode(), True)
    return handler


def test_a_page_is_taken_once():
    handler = handled("<m><page><title> T </title><ns>0</ns><id>7</id><text>a&lt;b</text></page></m>")
    page = Page(title="T", ns="0", id="7", text="a<b", text_bytes=3, place="byte:3")
    assert (handler.taken(), handler.taken()) == ([page], [])


def test_ids_of_revisions_and_authors_are_not_the_pages():
    revision = "<revision><id>8</id><contributor><id>9</id></contributor><timestamp>t</timestamp></revision>"
    (page,) = handled(f"<m><page><id>7</id>{revision}<redirect title='x'/></page></m>").taken()
    assert (page.id, page.timestamp, page.redirect) == ("7", "t", True)


def test_the_site_is_filled_and_pages_are_counted():
    site = Site()
    header = (
        "<siteinfo><dbname>svwiki</dbname><namespaces><namespace key='1'>Diskussion</namespace></namespaces></siteinfo>"
    )
    handled(f"<mediawiki xml:lang='sv'>{header}<page></page><page></page></mediawiki>", site=site)
    assert (site.language, site.dbname, site.namespaces, site.begun) == ("sv", "svwiki", {"Diskussion": "1"}, {None: 2})


@pytest.mark.parametrize("limit, reason", [(9, "page_too_large"), (10, None)])
def test_a_page_too_large_is_a_bad_record_with_its_first_text(limit, reason):
    (found,) = handled("<m><page><id>7</id><text>0123456789</text></page></m>", limit).taken()
    assert getattr(found, "reason", None) == reason
    assert reason is None or (found.key, found.size) == ("7", 10)


def test_what_is_wrong_outside_of_a_page_has_the_place_for_a_key():
    bad = handled("<m><page><text>before</text></page></m>").bad("malformed_xml", "why")
    assert (bad.reason, bad.detail, bad.raw, bad.size) == ("malformed_xml", "why", b"", 0)
    assert bad.key.startswith("byte:")


@pytest.mark.parametrize(
    ("content", "error"),
    [
        ('<!DOCTYPE m [<!ENTITY a "x">]><m/>', EntityError),
        ('<?xml version="1.0" encoding="utf-9"?><m/>', EncodingError),
        ("<m><page><page></page></page></m>", NestedPageError),
    ],
)
def test_what_no_export_has_is_refused(content, error):
    with pytest.raises(error):
        handled(content)


def test_an_encoding_of_old_exports_is_remembered():
    assert handled('<?xml version="1.0" encoding="ISO-8859-1"?><m/>').encoding == "ISO-8859-1"
    assert handled('<?xml version="1.0" encoding="utf-8"?><m/>').encoding == ""


def test_a_place_is_the_last_that_begins_before_it():
    places = Places()
    places.add(100, None, 7)
    places.add(150, None, 57)  # It goes on where it went.
    places.add(160, 500, 0)
    places.add(170, 900, 0)
    words = [places.at(position) for position in (100, 159, 160, 169, 175)]
    assert words == [(None, "byte:7"), (None, "byte:66"), (500, "byte:500+0"), (500, "byte:500+9"), (900, "byte:900+5")]


def test_places_move_and_do_not_grow():
    places = Places()
    for position in range(1000):
        places.add(position, position, 0)
    assert places.moved(-990).at(9) == (999, "byte:999+0")
    assert len(places._known) < 10
