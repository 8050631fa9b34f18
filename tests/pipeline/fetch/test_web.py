"""Each answer of a server means one thing: bytes, absent, busy, cut off, or never."""

import socket
from email.utils import formatdate

import pytest

from pipeline.errors import SettingError
from pipeline.fetch.transfer import AbsentError, BusyError, CutError, RefusedError, Version
from pipeline.fetch.web import Web, check_base

UNKNOWN = Version()


def brought(web, url, start=0, version=UNKNOWN):
    reply = web.open(url, start, version)
    data = b"".join(reply.chunks)
    reply.close()
    return reply.start, reply.total, data


def test_a_file_comes_with_size_and_version(site, web):
    site.files["/a"] = b"0123456789"
    reply = web.open(f"{site.url}/a", 0, Version())
    assert (reply.start, reply.total, b"".join(reply.chunks)) == (0, 10, b"0123456789")
    assert reply.version.etag.startswith('"')
    headers = site.asked[0][2]
    assert headers["User-Agent"].startswith("tokenmill/")
    assert (headers["Accept-Encoding"], "Range" in headers) == ("identity", False)


def test_a_range_is_asked_for_with_its_condition(site, web):
    site.files["/a"], site.etags["/a"] = b"0123456789", '"v1"'
    assert brought(web, f"{site.url}/a", 4, Version(etag='"v1"')) == (4, 10, b"456789")
    assert brought(web, f"{site.url}/a", 4, Version(etag='"v0"')) == (0, 10, b"0123456789")
    assert [headers["If-Range"] for _, _, headers in site.asked] == ['"v1"', '"v0"']


@pytest.mark.parametrize("start, answer", [(10, (10, 10, b"")), (11, (0, 10, b"0123456789"))])
def test_a_range_behind_the_end_is_the_whole_file_or_begins_again(site, web, start, answer):
    site.files["/a"] = b"0123456789"
    assert brought(web, f"{site.url}/a", start) == answer


@pytest.mark.parametrize("code", [404, 410])
def test_an_absent_file_is_absent(site, web, code):
    site.faults["/a"] = [site.status(code)]
    with pytest.raises(AbsentError, match=str(code)):
        web.open(f"{site.url}/a", 0, Version())


@pytest.mark.parametrize("code", [403, 408, 425, 429, 500, 502, 503, 504])
def test_a_busy_server_is_busy(site, web, code):
    site.faults["/a"] = [site.status(code)]
    with pytest.raises(BusyError, match=str(code)) as raised:
        web.open(f"{site.url}/a", 0, Version())
    assert raised.value.wait_seconds == 0


@pytest.mark.parametrize(
    "told, seconds",
    [("120", 120), (formatdate(1_000_030, usegmt=True), 30), (formatdate(5, usegmt=True), 0), ("soon", 0), ("-4", 0)],
)
def test_retry_after_is_seconds_or_a_date(site, web, told, seconds):
    site.faults["/a"] = [site.status(503, Retry_After=told)]
    with pytest.raises(BusyError) as raised:
        web.open(f"{site.url}/a", 0, Version())
    assert raised.value.wait_seconds == seconds


@pytest.mark.parametrize("code", [400, 401, 402, 451, 501, 204, 299, 304])
def test_any_other_answer_is_a_refusal(site, web, code):
    site.faults["/a"] = [site.status(code)]
    with pytest.raises(RefusedError, match=str(code)):
        web.open(f"{site.url}/a", 0, Version())


def test_redirects_are_followed_a_few_times(site, web):
    site.files["/a"] = b"here"
    for i in range(5):
        site.faults[f"/{i}"] = [site.moved(f"/{i + 1}" if i < 4 else "a")]
    assert brought(web, f"{site.url}/0") == (0, 4, b"here")


def test_a_loop_of_redirects_ends(site, web):
    site.faults["/a"] = [site.moved("/a")] * 20
    with pytest.raises(RefusedError, match="more than 5 redirects"):
        web.open(f"{site.url}/a", 0, Version())
    assert len(site.asked) == 6


@pytest.mark.parametrize("target", ["file:///etc/passwd", "ftp://host/a", "gopher://host/", "", "data:,x"])
def test_a_redirect_to_another_kind_of_address_is_refused(site, web, target):
    site.faults["/a"] = [site.moved(target)]
    with pytest.raises(RefusedError, match="is not followed"):
        web.open(f"{site.url}/a", 0, Version())


def test_a_redirect_from_a_private_to_an_open_line_is_refused():
    from pipeline.fetch.web import _redirect

    assert _redirect("http://a/x", "https://b/y") == "https://b/y"
    with pytest.raises(RefusedError):
        _redirect("https://a/x", "http://b/y")


def test_a_web_page_is_no_file(site, web):
    site.faults["/a"] = [site.body(b"<html>", Content_Type="text/html; charset=utf-8")]
    with pytest.raises(CutError, match="a web page"):
        web.open(f"{site.url}/a", 0, Version())


@pytest.mark.parametrize("path, fine", [("/a.gz", True), ("/a.txt", False)])
def test_bytes_packed_for_the_journey_are_refused_unless_the_file_is_packed(site, web, path, fine):
    site.faults[path] = [site.body(b"\x1f\x8bxyz", Content_Encoding="gzip")]
    if fine:
        assert brought(web, site.url + path) == (0, 5, b"\x1f\x8bxyz")
    else:
        with pytest.raises(CutError, match="packs the file as gzip"):
            web.open(site.url + path, 0, Version())


def test_chunks_need_no_length(site, web):
    def chunked(handler):
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        handler.wfile.write(b"4\r\nabcd\r\n2\r\nef\r\n0\r\n\r\n")

    site.faults["/a"] = [chunked]
    assert brought(web, f"{site.url}/a") == (0, None, b"abcdef")


def test_chunks_that_end_too_soon_are_cut_off(site, web):
    def chunked(handler):
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        handler.wfile.write(b"4\r\nab")
        handler.close_connection = True

    site.faults["/a"] = [chunked]
    with pytest.raises(CutError, match="the connection broke"):
        brought(web, f"{site.url}/a")


def test_a_connection_that_drips_is_dead(site, web, clock):
    site.files["/a"] = b"x" * 100
    reply = web.open(f"{site.url}/a", 0, Version())
    next_piece = reply.chunks.__next__
    assert next_piece() == b"x" * 100
    clock.time += 1
    with pytest.raises(CutError, match="100 bytes in 1 s"):
        next_piece()


def test_no_server_is_no_connection(web):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(CutError, match="no connection: NewConnectionError"):
        web.open(f"http://127.0.0.1:{port}/a", 0, Version())


def test_an_answer_that_is_no_http_is_cut_off(site, web):
    site.faults["/a"] = [lambda handler: handler.wfile.write(b"\0" * 10_000)]
    with pytest.raises(CutError, match="no connection"):
        web.open(f"{site.url}/a", 0, Version())


def test_an_address_that_is_none_is_refused(web):
    with pytest.raises(RefusedError, match="is no address"):
        web.open("http://", 0, Version())


def test_a_size_is_asked_for_without_the_bytes(site, web):
    site.files["/a"] = b"12345"
    assert web.size(f"{site.url}/a") == 5
    assert [method for method, _, _ in site.asked] == ["HEAD"]


def test_a_server_that_knows_no_head_is_asked_for_the_file(site, web):
    site.files["/a"], site.faults["/a"] = b"12345", [site.status(405)]
    assert web.size(f"{site.url}/a") == 5
    assert [method for method, _, _ in site.asked] == ["HEAD", "GET"]


def test_the_environments_proxy_is_used_unless_it_leaves_the_host_out(site, clock, monkeypatch):
    site.files["/a"] = site.files["http://files.invalid/a"] = b"x"
    monkeypatch.setenv("http_proxy", site.url)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    web = Web(clock)
    assert (web.size("http://files.invalid/a"), web.size(f"{site.url}/a")) == (1, 1)
    assert site.paths() == ["http://files.invalid/a", "/a"]


@pytest.mark.parametrize("url", ["https://host/", "http://127.0.0.1:80", "s3://arxiv", "memory://x"])
def test_a_base_is_an_address(url):
    assert check_base(url) == url


@pytest.mark.parametrize("url", ["", "host/path", "/data", "C:\\data", "https://", "http:///x"])
def test_a_base_that_is_no_address_is_a_wrong_setting(url):
    with pytest.raises(SettingError, match="--base-url"):
        check_base(url)
