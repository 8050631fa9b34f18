import html
import io
import random

import py7zr
import pytest

from filters.redpajama_thread import in_order_of_text
from filters.stackexchange import thread_posts
from pipeline.corpora.corpus import BadRecord, RawDocument, RawFile, document_batches
from pipeline.corpora.stackexchange import CORPUS, choose_sites, count_posts, filters, read, site_of
from pipeline.source_sections import StackExchange


def post(number: int, kind: int = 1, **attributes: object) -> str:
    given = {"Id": number, "PostTypeId": kind, "CreationDate": "2015-01-02T03:04:05.678", "Score": 0} | attributes
    return "  <row " + " ".join(f'{name}="{html.escape(str(value))}"' for name, value in given.items()) + " />"


def dump(*rows: str) -> bytes:
    return "\n".join(['\ufeff<?xml version="1.0" encoding="utf-8"?>', "<posts>", *rows, "</posts>"]).encode()


def posts_file(content: bytes, name: str = "coffee-2015/Posts.xml") -> RawFile:
    return RawFile.of_bytes(name, content)


def records(content: bytes, name: str = "coffee-2015/Posts.xml", **settings: object) -> list:
    return list(read(posts_file(content, name), StackExchange(**settings)))


def archive(content: bytes, member: str = "Posts.xml") -> bytes:
    stream = io.BytesIO()
    with py7zr.SevenZipFile(stream, "w") as packed:
        packed.writestr(content, member)
    return stream.getvalue()


THREAD = dump(
    post(1, Title="Why <b>?", Body="<p>Tell.</p>"),
    post(2, 2, ParentId=1, Score=9, Body="nine"),
    post(3, 2, ParentId=1, Score=88, Body="eighty-eight"),
    post(4, 2, ParentId=1, Score=10, Body="ten"),
)


@pytest.mark.parametrize("name", ["coffee-2015/Posts.xml", "coffee.stackexchange.com.7z"])
def test_a_thread_is_one_document_in_either_form(name):
    (document,) = records(archive(THREAD) if name.endswith(".7z") else THREAD, name)
    assert (document.key, document.title, document.dump) == ("question-1", "Why <b>?", "coffee.stackexchange.com")
    assert (document.license, document.date) == ("CC-BY-SA-3.0", "2015-01-02T03:04:05.678")
    assert document.url == "https://coffee.stackexchange.com/questions/1"
    assert [found.body for found in thread_posts(document.text)] == ["<p>Tell.</p>", "eighty-eight", "ten", "nine"]


def test_from_dump_to_text():
    (batch,) = document_batches("stackexchange", posts_file(THREAD), records(THREAD))
    (rule,) = filters(StackExchange(question_prefix="Q> "))
    result = rule.apply(batch)
    assert result.batch.column("text")[0].as_py() == "Q> Why <b>?\n\nTell.\nA: eighty-eight\nA: ten\nA: nine"
    assert result.counts == {"answers": 3, "empty_posts": 0}


def test_orphans_and_tag_wikis_are_documents_for_the_filter_to_count():
    content = dump(post(5, 2, ParentId=9, Body="lost"), post(6, 4, Body="wiki"), post(7, Title="kept", Body=""))
    (batch,) = document_batches("stackexchange", posts_file(content), records(content))
    (rule,) = filters(StackExchange())
    assert batch.column("url").to_pylist()[0].endswith("/a/5")
    assert rule.apply(batch).reason.to_pylist() == ["answer_without_question", "not_a_question", None]


@pytest.mark.parametrize(
    ("row", "license"),
    [
        ({"ContentLicense": "CC BY-SA 4.0"}, "CC-BY-SA-4.0"),
        ({"CreationDate": "2011-04-07T23:59:59"}, "CC-BY-SA-2.5"),
        ({"CreationDate": "2011-04-08T00:00:00"}, "CC-BY-SA-3.0"),
        ({"CreationDate": "2018-05-01T23:59:59"}, "CC-BY-SA-3.0"),
        ({"CreationDate": "2018-05-02T00:00:00"}, "CC-BY-SA-4.0"),
        ({"CreationDate": "2018-05-02"}, "CC-BY-SA-4.0"),
        ({"CreationDate": "2011-04-08"}, "CC-BY-SA-3.0"),
    ],
)
def test_a_licence_is_the_dumps_or_that_of_the_day(row, license):
    assert records(dump(post(1, **row)))[0].license == license


def test_a_thread_of_two_licences_says_both():
    content = dump(post(1), post(2, 2, ParentId=1, CreationDate="2020-01-01"))
    assert records(content)[0].license == "CC-BY-SA-3.0 AND CC-BY-SA-4.0"


@pytest.mark.parametrize(
    ("content", "reasons"),
    [
        (dump(), []),
        (dump(post(1), '<row Id="2" Body="a < b" />', post(3)), ["malformed_row"]),
        (dump(post(1), post(1)), ["repeated_id"]),
        (dump(post(1, Body="x" * 3000)), ["post_too_large"]),
        (dump(post(1), *(post(n, 2, ParentId=1, Body="x" * 900) for n in range(2, 9))), ["thread_too_large"]),
        (b"", ["not_posts"]),
        (b"\x00\xff" * 5000, ["not_posts"]),
        (b"<html><body>404</body></html>", ["not_posts"]),
        (THREAD.removesuffix(b"</posts>"), ["truncated_file"]),
        (THREAD[:-40], ["malformed_row", "truncated_file"]),
    ],
)
def test_what_is_wrong_is_told_and_the_rest_is_read(content, reasons):
    found = records(content, max_post_bytes=2000, max_thread_bytes=6000)
    assert [record.reason for record in found if isinstance(record, BadRecord)] == reasons
    assert set(reasons) <= set(CORPUS.bad_reasons)


def test_a_file_that_cannot_be_opened_is_one_bad_record():
    def refuse():
        raise OSError("no such disk")

    (bad,) = read(RawFile(name="coffee-2015/Posts.xml", size=9, opener=refuse), StackExchange())
    assert (bad.reason, bad.detail) == ("unreadable_file", "no such disk")


def test_entities_are_never_expanded():
    bomb = '<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;"><!ENTITY f SYSTEM "file:///etc/passwd">]>'
    content = dump('<row Id="1" PostTypeId="1" Body="&b;" />', '<row Id="2" PostTypeId="1" Body="&f;" />', post(3))
    found = records(content.replace(b"<posts>", bomb.encode() + b"<posts>"))
    assert [getattr(record, "reason", "document") for record in found] == ["malformed_row", "malformed_row", "document"]


def test_a_line_without_end_is_refused_in_little_memory():
    content = dump('<row Id="1" PostTypeId="1" Body="' + "x" * 5_000_000 + '" />', post(2))
    bad, document = records(content, max_post_bytes=10_000)
    assert bad.reason == "post_too_large"
    assert bad.size > 5_000_000
    assert len(bad.raw) <= 4096
    assert isinstance(document, RawDocument)


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.7z", b"garbage" * 100, "broken_archive"),
        ("a.7z", archive(THREAD, "Votes.xml"), "no_posts_table"),
        ("a.7z", archive(THREAD)[:150], "broken_archive"),
    ],
)
def test_a_bad_archive_is_one_bad_record(name, content, reason):
    (bad,) = records(content, name)
    assert (bad.key, bad.reason) == ("archive", reason)


@pytest.mark.parametrize("name", ["stackoverflow.com-Votes.7z", "stackoverflow.com-PostHistory.7z"])
def test_archives_of_other_tables_hold_nothing_of_ours(name):
    assert records(b"anything", name) == []
    assert count_posts(posts_file(b"anything", name)) == 0


@pytest.mark.parametrize(
    ("name", "site"),
    [
        ("coffee-2015/Posts.xml", "coffee.stackexchange.com"),
        ("dumps/ai-2016-12/Posts.xml", "ai.stackexchange.com"),
        ("conlang.meta-2020/Posts.xml", "conlang.meta.stackexchange.com"),
        ("stackexchange/coffee.stackexchange.com.7z", "coffee.stackexchange.com"),
        ("french.meta-2021.7z", "french.meta.stackexchange.com"),
        ("stackoverflow.com-Posts.7z", "stackoverflow.com"),
        ("stackoverflow/Posts.xml", "stackoverflow.com"),
        ("superuser.meta/Posts.xml", "meta.superuser.com"),
        ("mathoverflow.net.7z", "mathoverflow.net"),
        ("Posts.xml", "unknown"),
    ],
)
def test_a_site_is_named_by_its_file_or_folder(name, site):
    assert site_of(name) == site


@pytest.mark.parametrize("content", [THREAD, archive(THREAD)])
def test_posts_are_counted_without_being_read(content):
    assert count_posts(posts_file(content, "a.7z" if content is not THREAD else "a/Posts.xml")) == 4


def test_what_cannot_be_read_counts_nothing():
    assert count_posts(posts_file(b"garbage", "a.7z")) == 0


@pytest.mark.parametrize(
    ("sites", "chosen"),
    [
        (0, ()),
        (1, ("b.7z",)),
        (2, ("b.7z", "a-2016/Posts.xml")),
        (3, ("b.7z", "a-2016/Posts.xml", "c.7z")),
        (9, ("b.7z", "a-2016/Posts.xml", "c.7z", "d.7z")),
    ],
)
def test_the_largest_sites_are_chosen_one_dump_each(sites, chosen):
    counts = {"a-2015/Posts.xml": 5, "a-2016/Posts.xml": 7, "b.7z": 9, "d.7z": 3, "c.7z": 3, "empty.7z": 0}
    assert choose_sites(counts, sites) == chosen
    assert choose_sites(dict(reversed(counts.items())), sites) == chosen


def test_of_equal_dumps_of_a_site_the_first_by_name_is_chosen():
    assert choose_sites({"a-2016.7z": 5, "a-2015.7z": 5, "a-2017.7z": 4}, 3) == ("a-2015.7z",)


@pytest.mark.parametrize("seed", range(30))
def test_damage_anywhere_gives_records_and_declared_reasons(seed):
    rng = random.Random(seed)
    content = bytearray(THREAD)
    for _ in range(rng.randint(1, 6)):
        at = rng.randrange(len(content))
        content[at : at + rng.randrange(3)] = rng.randbytes(rng.randrange(4))
    found = records(bytes(content))
    reasons = {record.reason for record in found if isinstance(record, BadRecord)}
    assert reasons <= set(CORPUS.bad_reasons)
    assert sum(isinstance(record, RawDocument) for record in found) <= 8


@pytest.mark.real
@pytest.mark.parametrize(
    ("name", "questions", "others"),
    [("coffee-2015.7z", 225, 40), ("coffee-2015/Posts.xml", 225, 40), ("french.meta-2021.7z", 274, 20)],
)
def test_real_sites_give_their_questions(real_data, name, questions, others):
    path = real_data / "stackexchange" / name
    file = RawFile(name=name, size=path.stat().st_size, opener=lambda: path.open("rb"))
    found = list(read(file, StackExchange()))
    assert all(isinstance(record, RawDocument) for record in found)
    (rule,) = filters(StackExchange())
    reasons = [r for b in document_batches("stackexchange", file, found) for r in rule.apply(b).reason.to_pylist()]
    assert (reasons.count(None), reasons.count("not_a_question")) == (questions, others)


def test_faithful_whatever_has_a_title_and_no_parent_is_a_question():
    content = dump(post(1, 4, Title="wiki", Body="w"), post(2, 2, Title="t", ParentId=9, Body="lost"), post(3, 5))
    found = records(content, mode="faithful")
    assert [document.key for document in found] == ["question-1", "answer-2", "other-3"]
    (rule,) = filters(StackExchange(mode="faithful"))
    (batch,) = document_batches("stackexchange", posts_file(content), found)
    assert rule.apply(batch).reason.to_pylist() == [None, "answer_without_question", "not_a_question"]


@pytest.mark.real
def test_real_threads_whose_answers_earlier_code_put_in_another_order(real_data):
    changed = total = 0
    for path in sorted(real_data.glob("stackexchange/*/Posts.xml")):
        file = RawFile(
            name=path.parent.name + "/Posts.xml", size=path.stat().st_size, opener=lambda p=path: p.open("rb")
        )
        for record in read(file, StackExchange(mode="faithful")):
            question, *answers = thread_posts(record.text)
            total += question.kind == "question"
            changed += [a.id for a in answers] != [a.id for a in in_order_of_text(answers)]
    assert (changed, total) == (211, 1637)
