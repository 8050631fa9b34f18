"""Addresses: what two of one page share, what stays apart, archived copies, hostile ones."""

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters.urls import MAX_URL_CHARS, is_archived, normalize_url, original_url, url_keys


@pytest.mark.parametrize(
    "url, normal",
    [
        ("http://www.Example.org/Path/", "example.org/Path"),
        ("https://example.org:443", "example.org"),
        ("http://example.org:443/", "example.org:443"),
        ("http://example.org:80/a//", "example.org/a"),
        ("http://example.org:8080/", "example.org:8080"),
        ("http://example.org./a", "example.org/a"),
        ("http://www.com/a", "www.com/a"),
        ("http://a.www.example.org", "a.www.example.org"),
        ("//example.org/a#part", "example.org/a"),
        ("http://example.org/#!/a", "example.org"),
        ("example.org/a?b=1&utm_source=x&c", "example.org/a?b=1&c"),
        ("http://example.org/?fbclid=1&utm_medium=", "example.org"),
        ("http://me:secret@example.org/a", "example.org/a"),
        (" http://example.org/a ", "example.org/a"),
        ("example.org/?to=http://other.org", "example.org?to=http://other.org"),
        ("http://[foo/", ""),
        ("ftp://example.org/a", ""),
        ("mailto:a@example.org", ""),
        ("http://localhost/a", ""),
        ("javascript:window.open", ""),
        ("not an address.", ""),
        ("", ""),
        (None, ""),
    ],
)
def test_two_addresses_of_one_page_are_one(url, normal):
    assert normalize_url(url) == normal


@pytest.mark.parametrize(
    "url, normal",
    [
        ("http://bücher.example/", "xn--bcher-kva.example"),
        ("http://BÜCHER.example/", "xn--bcher-kva.example"),
        ("http://xn--bcher-kva.example/", "xn--bcher-kva.example"),
        ("http://пример.рф:80/a", "xn--e1afmkfd.xn--p1ai/a"),
        ("http://www.пример.рф/", "xn--e1afmkfd.xn--p1ai"),
        ("http://a..пример.рф/", ""),
    ],
)
def test_a_host_in_letters_is_the_host_in_punycode(url, normal):
    assert normalize_url(url) == normal


@pytest.mark.parametrize(
    "path, normal",
    [
        ("/caf%c3%a9", "/caf%C3%A9"),
        ("/café", "/caf%C3%A9"),
        ("/%7Euser/%61", "/~user/a"),
        ("/a%2fb", "/a%2Fb"),
        ("/a b", "/a%20b"),
        ("/100%", "/100%"),
        ("/%zz%4", "/%zz%4"),
        ("/?q=%d0%9c&r=М", "?q=%D0%9C&r=%D0%9C"),
        ("/a/./b/../c", "/a/c"),
        ("/../a", "/a"),
        ("/.well-known", "/.well-known"),
        ("/a/..", ""),
    ],
)
def test_letters_are_escaped_where_they_must_be(path, normal):
    assert normalize_url("http://example.org" + path) == "example.org" + normal


@pytest.mark.parametrize(
    "one, other",
    [
        ("http://example.org/a", "http://example.org/b"),
        ("http://example.org/a", "http://example.net/a"),
        ("http://example.org/a?b=1", "http://example.org/a?b=2"),
        ("http://example.org/a?PHPSESSID=1", "http://example.org/a"),
        ("http://example.org/a;jsessionid=1", "http://example.org/a"),
        ("http://example.org/a?b&c", "http://example.org/a?c&b"),
        ("http://example.org/A", "http://example.org/a"),
        ("http://example.org/a%2Fb", "http://example.org/a/b"),
        ("http://blog.example.org/", "http://example.org/"),
        ("http://example.org:8080/", "http://example.org/"),
    ],
)
def test_addresses_of_two_pages_stay_two(one, other):
    keys = url_keys([one, other])
    assert keys[0] != keys[1] and keys.all()


@pytest.mark.parametrize(
    "copy",
    [
        "https://web.archive.org/web/20100101000000/http://a.example/x?y=1",
        "http://web.archive.org/web/20100101id_/http://a.example/x?y=1",
        "//web.archive.org/web/2010/http://a.example/x?y=1",
        "https://web.archive.org/20100101000000/http://a.example/x?y=1",
        "https://web.archive.org/web/*/http://a.example/x?y=1",
        "https://web.archive.org/web/20100101000000/a.example/x?y=1",
        "https://web.archive.org/web/2010/https://web.archive.org/web/2009/http://a.example/x?y=1",
        "https://archive.today/20120101000000/http://a.example/x?y=1",
        "http://archive.is/2012.12.10-010203/http://a.example/x?y=1",
        "https://archive.ph/newest/http://a.example/x?y=1",
        "http://www.webcitation.org/query?url=http%3A%2F%2Fa.example%2Fx%3Fy%3D1&date=2010-01-01",
        "https://www.webcitation.org/5xAbC?url=http%3A%2F%2Fa.example/x%3Fy%3D1",
        "http://archive.wikiwix.com/cache/?url=http%3A%2F%2Fa.example%2Fx%3Fy%3D1",
        "http://webarchive.nationalarchives.gov.uk/20100101000000/http://a.example/x?y=1",
        "https://wayback.archive-it.org/all/20100101000000/http://a.example/x?y=1",
        "https://ghostarchive.org/archive/20210101/http://a.example/x?y=1",
        "http://arquivo.pt/wayback/20100101000000/http://a.example/x?y=1",
        "http://webcache.googleusercontent.com/search?q=cache:AbCdEfGhIjKl:a.example/x%3Fy%3D1&hl=en",
    ],
)
def test_an_archived_copy_names_its_original(copy):
    assert is_archived(copy)
    assert original_url(copy) == "http://a.example/x?y=1"
    assert normalize_url(copy) == "a.example/x?y=1"


@pytest.mark.parametrize(
    "copy", ["https://archive.is/AbCdE", "http://www.webcitation.org/5xAbC", "https://perma.cc/A-B"]
)
def test_a_copy_that_does_not_say_of_what_stays_itself(copy):
    assert is_archived(copy)
    assert original_url(copy) == copy


@pytest.mark.parametrize(
    "url",
    [
        "https://archive.org/details/book",
        "http://archive.islam.example/20100101/http://a.example",
        "http://a.example/web.archive.org/web/2010/http://b.example",
        "http://a.example/20100101/http://b.example",
        "",
    ],
)
def test_a_page_of_no_web_archive_is_no_copy(url):
    assert not is_archived(url)
    assert original_url(url) == url


def test_keys_are_stable_and_zero_stands_for_no_address():
    keys = url_keys(["http://example.org/a", "https://www.example.org/a/", "http://example.org/b", None, ""])
    assert keys.dtype == np.uint64
    assert keys[0] == keys[1] != keys[2]
    assert keys[0] == 2219168381839303002
    assert keys[3:].tolist() == [0, 0]


@pytest.mark.parametrize("chars, found", [(MAX_URL_CHARS, True), (MAX_URL_CHARS + 1, False)])
def test_an_address_without_end_is_none(chars, found):
    assert bool(normalize_url("http://a.example/".ljust(chars, "x"))) == found


@pytest.mark.parametrize("host, found", [("a." * 125 + "org", True), ("a." * 126 + "org", False)])
def test_a_host_without_end_is_none(host, found):
    assert bool(normalize_url(f"http://{host}/")) == found


@pytest.mark.parametrize(
    "start, piece",
    [
        ("http://", "a."),
        ("http://", "я."),
        ("http://a.example", "/.."),
        ("http://a.example/", "%"),
        ("http://a.example/?", "&utm_a"),
        ("https://web.archive.org/", "2010/"),
        ("https://web.archive.org/", "?url="),
        ("https://webcache.googleusercontent.com/", "?q=cache:"),
    ],
)
def test_hostile_addresses_take_no_time(start, piece):
    before = time.process_time()
    for _ in range(20):
        normalize_url((start + piece * MAX_URL_CHARS)[:MAX_URL_CHARS])
    assert time.process_time() - before < 1


@given(st.text(alphabet="aZ.:/%?&=#@[]é ~2f-", max_size=40))
def test_normal_addresses_are_normal(rest):
    for url in (rest, f"http://a.example/{rest}"):
        normal = normalize_url(url)
        assert not normal or normalize_url(f"http://{normal}") == normal
