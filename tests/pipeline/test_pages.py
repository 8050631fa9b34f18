"""One page of each address, one of each text, and those that Wikipedia cites, in whatever order blocks arrive."""

import pickle

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shuffled import verdicts_of

from filters.batch import document_batch
from filters.urls import url_keys
from pipeline import pages
from pipeline.key_index import KeyIndex, finish_index
from pipeline.pages import ADDRESSES, TEXTS, PageRounds
from pipeline.storage import Folder

URLS = st.sampled_from(["http://a.org", "http://b.org", "http://www.b.org/", None, "no address"])
PAGES = st.lists(st.tuples(URLS, st.sampled_from("abc"), st.sampled_from("123")), max_size=5)


def batches_of(unit, rows, size=2):
    """Rows of (url, text, date) as batches of CommonCrawl's pages."""
    documents = [
        {"doc_id": f"{unit}-{row}", "source": "commoncrawl", "origin": "", "url": url, "text": text, "date": date}
        for row, (url, text, date) in enumerate(rows)
    ]
    return [document_batch(documents[at : at + size]) for at in range(0, len(documents), size)]


def article(*cited):
    row = {"doc_id": "w", "source": "wikipedia", "origin": "", "text": "t", "cited_urls": list(cited)}
    return [document_batch([row])]


def decide(units, seed=0, witnesses=(), **wanted):
    """Each unit's rows as (kept, cited) after the filters of its verdict."""
    rounds = pickle.loads(pickle.dumps(PageRounds(**({"partitions": 3} | wanted))))
    shown = [batches_of(unit, rows) for unit, rows in enumerate(units)]
    verdicts = verdicts_of(rounds, [*shown, *witnesses], seed)
    return [through(rounds.filters(told), batches) for told, batches in zip(verdicts, shown, strict=False)]


def through(filters, batches):
    found = []
    for shown in batches:
        batch, lost = shown, [False] * shown.num_rows
        for rule in filters:
            result = rule.apply(batch)
            lost = [was or reason is not None for was, reason in zip(lost, result.reason.to_pylist(), strict=True)]
            batch = result.batch
        found += zip([not was for was in lost], batch.column("cited").to_pylist(), strict=True)
    return found


def kept(units, **wanted):
    return [[stays for stays, _ in unit] for unit in decide(units, **wanted)]


def specified(units, *, unique_url, unique_text):
    """Who stays, by looking at all pages at once."""
    left = [(u, r, *row) for u, rows in enumerate(units) for r, row in enumerate(rows)]
    if unique_url:
        best = {}
        for page in sorted(left, key=lambda p: (p[4], -p[0], -p[1])):
            key = int(url_keys([page[2]])[0]) or page[:2]
            best[key] = page
        left = sorted(best.values())
    if unique_text:
        first = {}
        for page in left:
            first.setdefault(page[3], page)
        left = first.values()
    stays = {page[:2] for page in left}
    return [[(u, r) in stays for r in range(len(rows))] for u, rows in enumerate(units)]


@settings(max_examples=150, deadline=None)
@given(st.lists(PAGES, max_size=4), st.booleans(), st.booleans(), st.integers(0, 9))
def test_verdicts_are_those_of_looking_at_all_pages_at_once(units, unique_url, unique_text, seed):
    wanted = {"unique_url": unique_url, "unique_text": unique_text}
    assert kept(units, seed=seed, **wanted) == specified(units, **wanted)


def test_of_an_address_the_newest_page_stays_and_of_two_as_new_the_first():
    units = [
        [("http://a.org/x", "one", "2019"), ("http://b.org", "b", "2020")],
        [("https://www.a.org/x/", "two", "2020")],
    ]
    assert kept(units, unique_url=True) == [[False, True], [True]]
    assert kept([units[0], units[0]], unique_url=True) == [[True, True], [False, False]]


def test_the_same_page_recrawled_under_one_address_in_another_dump_goes():
    units = [[("http://a.org", "same", "2019")], [("http://a.org", "same", "2020")]]
    assert kept(units, unique_text=True) == [[True], [False]]


def test_a_page_that_is_superseded_does_not_win_over_its_copy_elsewhere():
    units = [[("http://a.org", "text", "2019")], [("http://a.org", "new", "2020"), ("http://c.org", "text", "2019")]]
    assert kept(units, unique_url=True, unique_text=True) == [[False], [True, True]]


def test_pages_that_wikipedia_cites_are_marked():
    units = [[("http://a.org/x", "one", "2019"), ("http://b.org", "b", "2020")], [(None, "c", "2020")]]
    found = decide(units, witnesses=[article("https://a.org/x/", "http://z.org"), article()], marks_cited=True)
    assert found == [[(True, True), (True, False)], [(True, False)]]


def test_without_a_wikipedia_no_page_is_marked():
    assert decide([[("http://a.org", "t", "1")]], witnesses=[article("http://a.org")], unique_url=True) == [
        [(True, None)]
    ]


@pytest.mark.parametrize("wanted", [{"unique_url": True}, {"unique_text": True}])
def test_no_key_is_hot(wanted):
    rounds = PageRounds(partitions=1, **wanted)
    sent = list(rounds.sketch(0, batches_of(0, [("http://a.org", "same", "1")] * 500, 100)))
    assert sum(len(block) for _, block in sent) < 4 * pages._PAGE.itemsize


def test_pages_without_an_address_do_not_meet_in_one_partition():
    rounds = PageRounds(partitions=8, unique_url=True)
    assert len({index for index, _ in rounds.sketch(0, batches_of(0, [(None, "t", "1")] * 200, 50))}) == 8


def test_a_large_unit_is_sent_in_parts_with_the_same_verdict(monkeypatch):
    units = [[("http://a.org", "t", str(n)) for n in range(9)], [("http://a.org", "u", "5")]]
    expected = kept(units, unique_url=True, unique_text=True)
    monkeypatch.setattr(pages, "_PAGES_A_SKETCH", 2)
    assert kept(units, unique_url=True, unique_text=True) == expected == [[False] * 8 + [True], [False]]


def test_nothing_is_sent_where_nothing_is_asked():
    assert list(PageRounds(partitions=2).sketch(0, batches_of(0, [("http://a.org", "t", "1")]))) == []


def test_no_partition_is_refused():
    with pytest.raises(ValueError, match="partitions must be at least 1, got 0"):
        PageRounds(partitions=0)


def earlier(root, units, **wanted):
    """What a dump's pages leave for later ones: its verdict, and indexes of its addresses and texts."""
    folder, notes = Folder(str(root / "keys")), Folder(str(root / "notes"))
    written = {name: KeyIndex(kind=name, folder=folder, notes=notes) for name in (ADDRESSES, TEXTS)}
    verdict = kept(units, **written, **wanted)
    finish_index(folder, notes, list(written), 3)
    return verdict, {name: KeyIndex(kind=name, earlier=(folder.url,)) for name in (ADDRESSES, TEXTS)}


def test_a_page_of_an_earlier_dump_is_known_without_its_text(tmp_path):
    wanted = {"unique_url": True, "unique_text": True}
    verdict, known = earlier(tmp_path, [[("http://a.org", "a", "1"), (None, "b", "1")]], **wanted)
    first = [("http://www.a.org/", "new", "2"), ("http://c.org", "b", "2"), ("http://d.org", "d", "2")]
    assert verdict == [[True, True]]
    assert kept([first, [(None, "b", "2")]], partitions=5, **known, **wanted) == [[False, False, True], [False]]


def test_a_page_whose_address_is_known_does_not_win_its_text(tmp_path):
    wanted = {"unique_url": True, "unique_text": True}
    _, known = earlier(tmp_path, [[("http://a.org", "old", "1")]], **wanted)
    assert kept([[("http://a.org", "t", "2")], [("http://b.org", "t", "2")]], **known, **wanted) == [[False], [True]]
