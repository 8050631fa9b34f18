"""A listing is read whole, within bounds, and is never believed."""

import gzip

import pytest

from pipeline.errors import SettingError
from pipeline.fetch import listing
from pipeline.fetch.listing import Listings, parse_slice, take, xml_rows
from pipeline.fetch.transfer import RefusedError


@pytest.fixture
def listings(web, patience) -> Listings:
    return Listings(web, patience)


def test_a_listing_is_its_lines(site, listings):
    site.files["/a.gz"] = gzip.compress(b"one\ntwo\n") + gzip.compress(b"thr\xffee\n")
    assert listings.lines(f"{site.url}/a.gz") == ["one", "two", "thr\ufffdee"]


def test_a_listing_is_asked_for_again(site, listings):
    site.files["/a"] = b"0123456789"
    site.faults["/a"] = [site.status(503), site.cut_after(4)]
    assert listings.read(f"{site.url}/a") == b"0123456789"


def test_a_listing_that_arrives_spoiled_is_asked_for_again(site, listings):
    site.files["/a.gz"] = gzip.compress(b"one\n" * 100)
    site.faults["/a.gz"] = [site.body(site.files["/a.gz"][:-3]), site.body(b"no gzip")]
    assert len(listings.lines(f"{site.url}/a.gz")) == 100


def test_a_listing_has_a_largest_size(site, listings, monkeypatch):
    monkeypatch.setattr(listing, "MAX_BYTES", 1000)
    site.files["/a"] = bytes(1001)
    with pytest.raises(RefusedError, match="a listing of more than 1000 bytes"):
        listings.read(f"{site.url}/a")


def test_a_listing_unpacks_to_a_largest_size(site, listings, monkeypatch):
    monkeypatch.setattr(listing, "MAX_UNPACKED_BYTES", 1 << 20)
    site.files["/a.gz"] = gzip.compress(bytes(1 << 20))
    assert len(listings.lines(f"{site.url}/a.gz")) == 1
    site.files["/a.gz"] = gzip.compress(bytes(1 << 30 >> 5))
    with pytest.raises(RefusedError, match="unpacks to more than"):
        listings.lines(f"{site.url}/a.gz")


def test_rows_are_attributes_and_children():
    data = b"<files><!-- x --><file name='a.7z' source='o'><size> 5 </size><md5/><?pi?></file><other/></files>"
    assert xml_rows(data, "file") == [{"name": "a.7z", "source": "o", "size": "5", "md5": ""}]


BOMB = b'<!DOCTYPE f [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]><f><file><size>&b;</size></file></f>'
OUTSIDE = b'<!DOCTYPE f [<!ENTITY a SYSTEM "file:///etc/passwd">]><f><file><size>&a;</size></file></f>'


@pytest.mark.parametrize("data", [b"", b"<f>", b"\xff\xfe", b"<f>" * 300 + b"</f>" * 300, BOMB, OUTSIDE])
def test_xml_that_is_none_or_declares_anything_is_refused(data):
    with pytest.raises(RefusedError, match="the listing"):
        xml_rows(data, "file")


@pytest.mark.parametrize(
    "text, part", [("0:40", slice(0, 40)), (":", slice(0, None)), ("7:", slice(7, None)), (":3", slice(0, 3))]
)
def test_a_slice_is_as_in_python(text, part):
    assert parse_slice(text) == part


@pytest.mark.parametrize("text", ["", "4", "a:b", "-1:3", "3:3", "4:2", "1:2:3", "0:9999999999"])
def test_what_is_no_slice_is_a_wrong_setting(text):
    with pytest.raises(SettingError, match="--files"):
        parse_slice(text)


def test_a_slice_behind_the_end_is_a_wrong_setting():
    assert take([1, 2, 3], slice(1, 9)) == [2, 3]
    with pytest.raises(SettingError, match="--files 3:: there are 3 files"):
        take([1, 2, 3], slice(3, None))
