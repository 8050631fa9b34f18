"""A file arrives whole, whatever the server does; or it does not, and says why."""

import gzip
import hashlib
import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pipeline.fetch.download import FAILED, FETCHED, PRESENT
from pipeline.fetch.shelf import Record
from pipeline.fetch.transfer import Version
from pipeline.fetch.wanted import Wanted

PATH, NAME = "/crawl/a.wet.gz", "a.wet.gz"


@pytest.fixture
def want(site, wet):
    site.files[PATH] = wet

    def build(**known):
        return Wanted(name=NAME, urls=(site.url + PATH,), **({"gzip": True} | known))

    return build


def arrived(shelf):
    return shelf.path(NAME).read_bytes()


def test_a_file_arrives_with_a_record_and_nothing_else_stays(want, downloads, shelf, wet, site, said):
    outcome = downloads.fetch(want())
    assert (outcome.state, outcome.bytes, arrived(shelf)) == (FETCHED, len(wet), wet)
    assert (len(site.asked), said) == (1, [])
    record = shelf.read_record(NAME)
    assert (record.size, record.sha1) == (len(wet), hashlib.sha1(wet).hexdigest())
    assert (record.url, record.version.etag) == (site.url + PATH, f'"{hashlib.md5(wet).hexdigest()}"')
    assert sorted(p.name for p in shelf.root.rglob("*") if p.is_file()) == [NAME, f"{NAME}.json"]


def test_a_file_that_is_there_is_not_asked_for_again(want, downloads, site):
    downloads.fetch(want())
    site.asked.clear()
    assert downloads.fetch(want()).state == PRESENT
    assert site.asked == []


@pytest.mark.parametrize("size", [1, 100, 60_000])
def test_a_cut_off_file_is_asked_for_from_where_it_ended(want, downloads, shelf, site, wet, size):
    size = min(size, len(wet) - 1)
    site.faults[PATH] = [site.cut_after(size)]
    assert downloads.fetch(want()).state == FETCHED
    assert site.ranges(PATH) == [None, f"bytes={size}-"]
    assert arrived(shelf) == wet


def test_a_silent_server_is_left_and_asked_again(want, downloads, shelf, site, wet):
    site.faults[PATH] = [site.silent, site.stalls_after(500)]
    assert downloads.fetch(want()).state == FETCHED
    assert site.ranges(PATH) == [None, None, "bytes=500-"]
    assert arrived(shelf) == wet


def test_a_server_that_ignores_ranges_begins_again(want, downloads, shelf, site, wet):
    site.knows_ranges, site.faults[PATH] = False, [site.cut_after(900)]
    assert downloads.fetch(want()).state == FETCHED
    assert site.ranges(PATH) == [None, "bytes=900-"]
    assert arrived(shelf) == wet


@pytest.mark.parametrize("place", ["bytes 5-99/100", "bytes */100", "nonsense"])
def test_an_answer_from_a_wrong_place_is_thrown_away(want, downloads, shelf, site, wet, place):
    site.faults[PATH] = [site.cut_after(900), site.part(b"x" * 95, place)]
    assert downloads.fetch(want()).state == FETCHED
    assert site.ranges(PATH) == [None, "bytes=900-", None]
    assert arrived(shelf) == wet


def test_a_server_that_never_answers_from_the_right_place_is_given_up(want, downloads, site):
    site.faults[PATH] = [site.cut_after(900), *[site.part(b"x" * 95, "bytes 5-99/100")] * 20]
    outcome = downloads.fetch(want())
    assert outcome.state == FAILED
    assert "from another place" in outcome.reason


def test_a_file_that_changes_between_attempts_is_not_mixed(want, downloads, shelf, site, wet):
    newer = gzip.compress(b"newer" * 5000, mtime=0)

    def change(handler):
        site.cut_after(900)(handler)
        site.files[PATH] = newer

    site.faults[PATH] = [change]
    assert downloads.fetch(want()).state == FETCHED
    assert arrived(shelf) == newer


def test_a_server_that_forgets_to_compare_is_compared_with(want, downloads, shelf, site, wet):
    rest = site.part(b"y" * 100, f"bytes 900-999/{len(wet)}", ETag='"other"')
    site.faults[PATH] = [site.cut_after(900), rest]
    assert downloads.fetch(want()).state == FETCHED
    assert site.ranges(PATH) == [None, "bytes=900-", None]
    assert arrived(shelf) == wet


def test_without_a_version_a_cut_off_file_begins_again(want, downloads, site, wet):
    site.etags[PATH] = 'W/"weak"'
    site.faults[PATH] = [site.cut_after(900)]
    assert downloads.fetch(want()).state == FETCHED
    assert site.ranges(PATH) == [None, None]


def test_a_checksum_is_version_enough(want, downloads, site, wet):
    site.etags[PATH] = 'W/"weak"'
    site.faults[PATH] = [site.cut_after(900)]
    assert downloads.fetch(want(sha1=hashlib.sha1(wet).hexdigest())).state == FETCHED
    assert site.ranges(PATH) == [None, "bytes=900-"]


def test_a_length_that_is_too_long_is_found_out(want, downloads, shelf, site, wet):
    site.faults[PATH] = [site.claims(len(wet) + 1000)]
    assert downloads.fetch(want()).state == FETCHED
    assert site.ranges(PATH) == [None, f"bytes={len(wet)}-"]
    assert arrived(shelf) == wet


def test_a_length_that_is_too_short_is_found_out(want, downloads, shelf, site, wet, said):
    site.faults[PATH] = [site.claims(5000)]
    assert downloads.fetch(want()).state == FETCHED
    assert "arrived spoiled, truncated_gzip: at byte" in said[0]
    assert arrived(shelf) == wet


def test_a_length_other_than_the_listings_is_not_begun(want, downloads, shelf, site, wet, said):
    site.faults[PATH] = [site.body(b"\x1f\x8bshort")]
    assert downloads.fetch(want(size=len(wet))).state == FETCHED
    assert f"the server says 7 bytes, the listing {len(wet)}" in said[0]


def test_an_answer_that_says_no_length_is_not_believed(want, downloads, site, said):
    site.faults[PATH] = [site.unmeasured]
    assert downloads.fetch(want()).state == FETCHED
    assert "does not say how long" in said[0]


@pytest.mark.parametrize(
    "spoil, reason",
    [
        (lambda wet: wet[:-9], "truncated_gzip"),
        (lambda wet: wet[:-8] + bytes(4) + wet[-4:], "bad_crc"),
        (lambda wet: wet + b"tail", "not_gzip"),
        (lambda wet: b"plain text", "not_gzip"),
        (lambda wet: b"", "not_gzip"),
    ],
)
def test_a_file_that_stays_spoiled_is_put_aside_with_the_reason(want, downloads, shelf, site, wet, spoil, reason):
    site.files[PATH] = spoil(wet)
    outcome = downloads.fetch(want())
    assert (outcome.state, outcome.reason.partition(":")[0]) == (FAILED, reason)
    assert len(site.asked) == downloads.max_spoiled
    assert not shelf.path(NAME).exists()
    aside = shelf.root / ".fetch/quarantine" / NAME
    assert aside.read_bytes() == site.files[PATH]
    assert json.loads(aside.with_name(f"{NAME}.json").read_text())["reason"].startswith(reason)


@pytest.mark.parametrize("kind", ["sha1", "md5"])
def test_a_file_with_another_checksum_than_listed_is_put_aside(want, downloads, kind):
    outcome = downloads.fetch(want(**{kind: "0" * 40 if kind == "sha1" else "0" * 32}))
    assert (outcome.state, outcome.reason.partition(":")[0]) == (FAILED, f"wrong_{kind}")


def test_a_file_spoiled_on_the_way_is_asked_for_again(want, downloads, shelf, site, wet):
    site.faults[PATH] = [site.body(wet[:-100] + bytes(100), ETag='"x"')]
    assert downloads.fetch(want()).state == FETCHED
    assert arrived(shelf) == wet


def test_a_file_that_is_larger_than_may_be_is_refused_at_once(want, downloads, site, shelf):
    outcome = downloads.fetch(want(max_bytes=1000))
    assert (outcome.state, len(site.asked), shelf.partial_bytes(NAME)) == (FAILED, 1, 0)
    assert "more than the 1000 that a file may have" in outcome.reason


def test_a_file_as_large_as_may_be_is_fetched(want, downloads, wet):
    assert downloads.fetch(want(max_bytes=len(wet))).state == FETCHED


def test_a_range_without_a_version_keeps_the_one_that_was_asked_for(want, downloads, site, wet):
    rest = site.part(wet[900:2000], f"bytes 900-1999/{len(wet)}")
    site.faults[PATH] = [site.cut_after(900), rest]
    assert downloads.fetch(want()).state == FETCHED
    assert [headers.get("If-Range") for _, _, headers in site.asked] == [
        None,
        *[f'"{hashlib.md5(wet).hexdigest()}"'] * 2,
    ]


def test_what_came_from_the_second_name_goes_on_from_there(site, downloads, shelf):
    site.files["/b.txt"] = b"the whole text"
    shelf.begin("1.txt", Record(url=f"{site.url}/b.txt", version=Version(modified="then"), size=None))
    shelf.partial("1.txt").write_bytes(b"the ")
    urls = tuple(f"{site.url}/{name}.txt" for name in "abc")
    assert downloads.fetch(Wanted(name="1.txt", urls=urls)).state == FETCHED
    assert site.paths() == ["/b.txt"]


def test_of_several_names_the_first_that_is_there_is_taken(site, downloads, shelf):
    site.files["/b.txt"] = b"text"
    urls = tuple(f"{site.url}/{name}.txt" for name in "abc")
    assert downloads.fetch(Wanted(name="1.txt", urls=urls)).state == FETCHED
    assert site.paths() == ["/a.txt", "/b.txt"]
    assert shelf.path("1.txt").read_bytes() == b"text"


def test_a_file_under_none_of_its_names_fails(site, downloads):
    outcome = downloads.fetch(Wanted(name="1.txt", urls=(f"{site.url}/a", f"{site.url}/b")))
    assert (outcome.state, outcome.reason) == (FAILED, "the server has no such file (404)")


def test_a_file_that_changed_on_disk_is_fetched_again(want, downloads, shelf, wet):
    downloads.fetch(want())
    shelf.path(NAME).write_bytes(wet[:-1] + b"?")
    assert downloads.fetch(want()).state == FETCHED
    assert arrived(shelf) == wet


@pytest.mark.parametrize("known", [{"size": 9}, {"sha1": hashlib.sha1(b"\x1f\x8bnewer..").hexdigest()}])
def test_a_name_that_a_newer_file_has_taken_is_fetched_again(want, downloads, shelf, site, wet, known):
    downloads.fetch(want())
    site.files[PATH] = b"\x1f\x8bnewer.."
    assert downloads.fetch(want(gzip=False, **known)).state == FETCHED
    assert arrived(shelf) == b"\x1f\x8bnewer.."
    assert (shelf.root / ".fetch/quarantine" / NAME).read_bytes() == wet


def test_chunks_without_end_are_refused_at_once(want, downloads, site, shelf):
    def endless(handler):
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        for _ in range(2000):
            handler.wfile.write(b"400\r\n" + bytes(1024) + b"\r\n")

    site.faults[PATH] = [endless]
    outcome = downloads.fetch(want(max_bytes=100_000))
    assert (outcome.reason, len(site.asked)) == ("the server sends more than 100000 bytes", 1)
    assert shelf.partial_bytes(NAME) == 0


def test_a_copy_with_another_time_is_read_and_stays(want, downloads, shelf, site):
    downloads.fetch(want())
    site.asked.clear()
    shelf.path(NAME).touch()
    assert (downloads.fetch(want()).state, site.asked) == (PRESENT, [])


def test_a_file_that_the_user_brought_is_checked_and_taken(want, downloads, shelf, site, wet):
    shelf.root.mkdir()
    shelf.path(NAME).write_bytes(wet)
    assert downloads.fetch(want()).state == PRESENT
    assert [method for method, _, _ in site.asked] == ["HEAD"]
    assert shelf.done(NAME).sha1 == hashlib.sha1(wet).hexdigest()


def test_a_file_that_ends_between_two_members_is_no_whole_one(want, downloads, shelf, said, wet):
    shelf.root.mkdir()
    first = wet[: wet.index(b"\x1f\x8b\x08", 1)]
    shelf.path(NAME).write_bytes(first)
    assert downloads.fetch(want()).state == FETCHED
    assert f"is not the server's (wrong_size: {len(first)} bytes, not {len(wet)})" in said[0]
    assert (shelf.root / ".fetch/quarantine" / NAME).read_bytes() == first


def test_a_file_killed_before_its_rename_is_not_asked_for_again(want, downloads, shelf, site, wet):
    record = Record(url=site.url + PATH, version=Version(etag='"x"'), size=len(wet))
    shelf.begin(NAME, record)
    shelf.partial(NAME).write_bytes(wet)
    assert (downloads.fetch(want()).state, site.asked) == (FETCHED, [])


def test_a_partial_file_that_is_longer_than_the_servers_begins_again(want, downloads, shelf, site, wet):
    shelf.begin(NAME, Record(url=site.url + PATH, version=Version(modified="then"), size=None))
    shelf.partial(NAME).write_bytes(wet + b"more")
    site.faults[PATH] = [site.status(416, Content_Range=f"bytes */{len(wet)}")]
    assert downloads.fetch(want()).state == FETCHED
    assert arrived(shelf) == wet


def test_a_name_that_a_folder_has_taken_fails_alone(want, downloads, shelf):
    (shelf.root / NAME / "x").mkdir(parents=True)
    assert downloads.fetch(want()).state == FAILED


def test_a_stopped_download_leaves_what_came(want, downloads, shelf):
    downloads.stopped.set()
    with pytest.raises(KeyboardInterrupt):
        downloads.fetch(want())
    assert not shelf.path(NAME).exists()


KILLED = """
import sys, threading
from pathlib import Path
from pipeline.fetch.download import Downloads
from pipeline.fetch.patience import Patience, WallClock
from pipeline.fetch.shelf import Shelf
from pipeline.fetch.wanted import Wanted
from pipeline.fetch.web import Web
clock = WallClock(threading.Event())
patience = Patience(clock=clock, say=print)
downloads = Downloads(
    shelf=Shelf(Path(sys.argv[2])), transport=Web(clock), patience=patience, stopped=threading.Event()
)
downloads.fetch(Wanted(name="a.wet.gz", urls=(sys.argv[1],), gzip=True))
"""


def test_a_killed_download_goes_on_to_identical_bytes(want, downloads, shelf, site, wet):
    site.faults[PATH] = [site.stalls_after(20_000)]
    root = Path(__file__).parents[3]
    with subprocess.Popen([sys.executable, "-c", KILLED, site.url + PATH, str(shelf.root)], cwd=root) as process:
        for _ in range(2000):
            if shelf.partial_bytes(NAME) or process.poll() is not None:
                break
            time.sleep(0.01)
        process.kill()
    assert 0 < (came := shelf.partial_bytes(NAME)) <= 20_000
    assert downloads.fetch(want()).state == FETCHED
    assert site.ranges(PATH) == [None, f"bytes={came}-"]
    assert arrived(shelf) == wet


def test_a_full_disk_ends_it_all_and_names_the_file(want, downloads, shelf, monkeypatch):
    def begin(shelf, name, _):
        shelf.partial(name).parent.mkdir(parents=True)
        shelf.partial(name).symlink_to("/dev/full")

    monkeypatch.setattr(type(shelf), "begin", begin)
    with pytest.raises(OSError, match=rf"No space left on device: '{shelf.partial(NAME)}'"):
        downloads.fetch(want())
