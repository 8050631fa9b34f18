"""Of documents that overlap the longest stays, whatever the order of blocks and the number of partitions."""

import itertools
from functools import partial
from pathlib import Path
from random import Random

import numpy as np
import pytest
from datasketch import MinHash, MinHashLSH
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree
from shuffled import verdicts_of

from filters.batch import document_batch
from filters.books import GutenbergWrapper
from filters.html_text import html_to_text
from filters.minhash import choose_bands
from filters.plain_shingles import overlap_of_words, plain_shingles
from pipeline import near_candidates, near_duplicates
from pipeline.corpora.books import book
from pipeline.group_stages import near_rounds
from pipeline.near_duplicates import OVERLAP, NearRounds, decide
from pipeline.recipe import Recipe
from pipeline.storage import Folder


def rounds_of(source, notes=None, **changes):
    recipe = Recipe(name="t", near_dedup={"partitions": 3} | changes)
    return near_rounds(recipe.near_dedup, source, notes)


def verdicts(units, rounds, seed=0):
    """{doc_id that goes: doc_id that stays}, of units that are {doc_id: text}."""
    batches = [[document_batch([{"doc_id": name, "text": text}]) for name, text in unit.items()] for unit in units]
    found = {}
    for unit, blocks in zip(units, verdicts_of(rounds, batches, seed), strict=True):
        (rule,) = rounds.filters(blocks)
        told = {row["doc_id"].decode(): row["keeper"].decode() for row in rule.verdicts}
        assert told.keys() <= unit.keys()
        found |= told
    return found


def words(seed, count):
    rng = Random(seed)
    return [f"w{rng.randrange(5000)}" for _ in range(count)]


def text(*parts):
    return " ".join(word for part in parts for word in part)


A, B, C = words(1, 8000), words(2, 8000), words(3, 8000)
BOOKS, CODE = rounds_of("books"), rounds_of("github")


@pytest.mark.parametrize("rounds", [BOOKS, CODE])
def test_different_documents_stay(rounds):
    assert verdicts([{"a": text(A)}, {"b": text(B)}, {"c": text(C)}], rounds) == {}


@pytest.mark.parametrize("rounds", [BOOKS, CODE])
def test_of_identical_documents_the_one_with_the_smallest_id_stays(rounds):
    assert verdicts([{"y": text(A)}, {"x": text(A), "z": text(A)}], rounds) == {"y": "x", "z": "x"}


@pytest.mark.parametrize("rounds, gone", [(BOOKS, {"a": "volume"}), (CODE, {})])
def test_a_document_within_a_volume_goes_where_containment_counts(rounds, gone):
    assert verdicts([{"a": text(A)}, {"volume": text(B, A, C)}], rounds) == gone


@pytest.mark.parametrize("rounds", [BOOKS, CODE])
def test_the_longest_edition_stays(rounds):
    assert verdicts([{"short": text(A[:7600])}, {"long": text(A)}], rounds) == {"short": "long"}


def test_the_longest_is_the_one_with_most_different_words_in_a_row():
    padded = text(A[:7000]) + " …" * 9000
    assert verdicts([{"padded": padded}, {"whole": text(A[:7600])}], BOOKS) == {"padded": "whole"}


@pytest.mark.parametrize("source, bound", [("books", "max_containment"), ("github", "max_jaccard")])
@pytest.mark.parametrize("more, goes", [(-0.01, True), (0.01, False), (0, False)])
def test_overlap_is_measured_against_the_limit(source, bound, more, goes):
    one, other = text(A), text(A[:5600], B[:400])
    overlap = overlap_of_words(one, other, 5, contained=source == "books")
    found = verdicts([{"a": one}, {"b": other}], rounds_of(source, **{bound: overlap + more}))
    assert found == ({"b": "a"} if goes else {})


def test_overlap_is_not_chained():
    """The middle one goes with the longest; the shortest is held by the middle one alone, and stays."""
    longest, middle, shortest = A + B[:800], A[1000:] + B[:1600], A[4000:] + B[:1600]
    rounds = rounds_of("books", max_containment=0.89)
    assert verdicts([{"l": text(longest), "m": text(middle), "s": text(shortest)}], rounds) == {"m": "l"}


@pytest.mark.parametrize("count", [30, 60, 150, 1000, 3000])
@pytest.mark.parametrize("rounds", [BOOKS, CODE])
def test_short_documents_are_compared_too(rounds, count):
    units = [{"a": text(A[:count], ["end"])}, {"b": text(A[:count])}, {"c": text(B[:count])}]
    assert verdicts(units, rounds) == {"b": "a"}


def test_a_few_words_say_nothing_of_a_longer_document_and_none_say_nothing_at_all():
    assert verdicts([{"a": text(A[:12])}, {"b": text(A[:12])}, {"c": "", "d": ""}], BOOKS) == {}
    assert verdicts([{"a": text(A[:12])}, {"b": text(A[:12])}, {"c": "", "d": "…"}], CODE) == {"b": "a"}


def some_documents(chance):
    """Documents cut from a few long ones, so that they overlap in many ways."""
    sources = [words(seed, 400) for seed in range(3)]
    cuts = [(chance.choice(sources), chance.randrange(100), chance.randrange(200, 400)) for _ in range(12)]
    return {f"{index:02}": text(source[start:end]) for index, (source, start, end) in enumerate(cuts)}


def who_goes(documents, rounds):
    """The specification: every pair compared, and from the longest on each with all that stay."""
    measure = partial(overlap_of_words, words=rounds.shingle_words, contained=rounds.contained)
    sizes = {name: len(plain_shingles(body, rounds.shingle_words)) for name, body in documents.items()}
    stays, gone = [], {}
    for name in sorted(documents, key=lambda name: (-sizes[name], name)):
        overlaps = {other: measure(documents[name], documents[other]) for other in stays}
        if any(overlap > rounds.max_overlap for overlap in overlaps.values()):
            gone[name] = max(overlaps, key=lambda other: (overlaps[other], [-ord(c) for c in other]))
        else:
            stays.append(name)
    return gone


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 1 << 30), st.sampled_from(["books", "github"]), st.sampled_from([1, 2, 7]), st.integers(1, 12))
def test_neither_order_nor_partitions_nor_units_change_who_goes(seed, source, partitions, per_unit):
    documents = some_documents(Random(seed))
    names = sorted(documents)
    units = [{name: documents[name] for name in names[at : at + per_unit]} for at in range(0, 12, per_unit)]
    rounds = rounds_of(source, partitions=partitions, max_jaccard=0.7, max_containment=0.7)
    assert verdicts(units, rounds, seed) == who_goes(documents, rounds)


def test_groups_of_pairs_are_bounded_and_give_the_same(monkeypatch):
    units = [some_documents(Random(5))]
    whole = verdicts(units, CODE)
    monkeypatch.setattr(near_duplicates, "GROUP_BYTES", 1000)
    monkeypatch.setattr(near_duplicates, "SKETCH_KEYS", 10)
    monkeypatch.setattr(near_duplicates, "SKETCH_PAIRS", 2)
    assert whole
    assert verdicts(units, CODE) == whole


def sizes_of_rounds(count):
    """Bytes that travel into each round for so many documents with one key in common."""
    documents = [{f"{index:05}": text(A[:40], words(index, 60)) for index in range(count)}]
    batches = [[document_batch([{"doc_id": name, "text": body} for name, body in documents[0].items()])]]
    sizes = []
    verdicts_of(rounds_of("github", max_jaccard=0.2), batches, sizes=sizes)
    return sizes


def test_what_travels_grows_with_the_documents_and_not_with_their_pairs(monkeypatch):
    monkeypatch.setattr(near_candidates, "MAX_LONGER", 4)
    monkeypatch.setattr(near_candidates.pairs_of, "__defaults__", (4,))
    few, many = sizes_of_rounds(200), sizes_of_rounds(800)
    assert all(large < 6 * small for small, large in zip(few, many, strict=True))


def test_what_was_compared_is_noted(tmp_path):
    notes = Folder(str(tmp_path))
    verdicts([{"a": text(A), "b": text(A), "c": text(A[:7000]), "d": text(B)}], rounds_of("github", notes))
    found = {}
    for name in notes.list():
        for key, count in notes.read_json(name).items():
            found[key] = found.get(key, 0) + count
    assert found == {"pairs_compared": 3, "pairs_overlapping": 3, "clusters_of_3": 1}


def test_pairs_that_are_passed_over_are_noted(tmp_path, monkeypatch):
    monkeypatch.setattr(near_candidates.left_out, "__defaults__", (1,))
    monkeypatch.setattr(near_candidates.pairs_of, "__defaults__", (1,))
    notes = Folder(str(tmp_path))
    rounds = rounds_of("github", notes)
    assert verdicts([{name: text(A) for name in "abcd"}], rounds) == dict.fromkeys("bcd", "a")
    bands = choose_bands(0.8, 128, false_negative_weight=near_candidates.MISS_WEIGHT).bands
    assert sum(notes.read_json(name).get("pairs_left_out", 0) for name in notes.list()) == 3 * bands


def test_who_goes_is_told_the_keeper_that_it_overlaps_most_and_of_equals_the_first():
    pairs = np.array([(1, 9, 0.8), (2, 9, 0.9), (3, 9, 0.9), (9, 4, 1.0)], OVERLAP)
    blocks = [b"O" + bytes(8) + pairs[at : at + 1].tobytes() for at in range(4)]
    for order in itertools.permutations(blocks):
        assert decide(order).tolist() == [(9, 2)]


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"max_overlap": 1.1}, "max_overlap must be from 0 to 1, got 1.1"),
        ({"shingle_words": 0}, "shingle_words must be at least 1, got 0"),
        ({"partitions": 0}, "partitions must be at least 1, got 0"),
    ],
)
def test_a_wrong_setting_is_refused(changes, message):
    right = {"max_overlap": 0.8, "contained": False, "shingle_words": 5, "partitions": 1, "key_maker": CODE.key_maker}
    with pytest.raises(ValueError, match=message):
        NearRounds(**right | changes)


def edited(count):
    """Documents in families of ten, each with a few words of its family's changed."""
    chance, found = Random(3), {}
    for index in range(count):
        body = words(index // 10, 150)
        for place in chance.sample(range(150), chance.randrange(0, 4)):
            body[place] = f"x{chance.randrange(10**9)}"
        found[f"{index:03}"] = text(body)
    return found


def test_what_datasketch_finds_is_found():
    """Datasketch with as many permutations and the same weights; brute force says what there is to find."""
    documents = edited(150)
    index, hashes = MinHashLSH(threshold=0.8, num_perm=128, weights=(0.02, 0.98)), {}
    for name, body in documents.items():
        hashes[name] = MinHash(num_perm=128)
        hashes[name].update_batch([" ".join(shingle).encode() for shingle in plain_shingles(body, 5)])
        index.insert(name, hashes[name])
    pairs = {frozenset(pair) for pair in itertools.combinations(documents, 2)}
    truth = {pair for pair in pairs if overlap_of_words(*map(documents.get, pair), 5, contained=False) > 0.8}
    theirs = truth & {frozenset((name, other)) for name in documents for other in index.query(hashes[name])}
    ours = overlapping(documents, CODE)
    assert ours <= truth
    assert len(ours) >= max(len(theirs) - 2, 0.98 * len(truth)) > 100


def overlapping(documents, rounds):
    """All pairs that are found to overlap, whoever goes in the end."""
    batch = document_batch([{"doc_id": name, "text": body} for name, body in documents.items()])
    keyed, names, found = list(rounds.sketch(0, [batch])), list(documents), set()
    for judge in rounds.judges[:-1]:
        groups = {}
        for key, block in keyed:
            groups.setdefault(key, []).append(block)
        run = partial(judge.judge, batches=[batch]) if hasattr(judge, "judge") else judge
        keyed = [item for key in sorted(groups) for item in run(key, iter(groups[key]))]
    for key, block in keyed:
        if key == 0:
            rows = np.frombuffer(block, OVERLAP, offset=9)
            found |= {frozenset((names[row["longer"]], names[row["shorter"]])) for row in rows}
    return found


def editions(real_data):
    folder = real_data / "books" / "gitenberg"
    found = {}
    for path in sorted(folder.rglob("*.txt")):
        batch = document_batch([{"doc_id": "x", "text": book("book", path.read_bytes()).text}])
        found[str(path.relative_to(folder))] = GutenbergWrapper().apply(batch).batch.column("text")[0].as_py()
    return {f"{number:02} {name.split('/')[0]}"[:32]: body for number, (name, body) in enumerate(found.items())}


def title(doc_id):
    return doc_id[3:]


@pytest.mark.real
@pytest.mark.parametrize("source, words_of_a_shingle", [("books", 5), ("books", 9), ("github", 5)])
def test_every_pair_of_real_editions_is_found_and_no_two_titles_are_joined(real_data, source, words_of_a_shingle):
    books = editions(real_data)
    found = overlapping(books, rounds_of(source, shingle_words=words_of_a_shingle))
    same = {frozenset(pair) for pair in itertools.combinations(books, 2) if title(pair[0]) == title(pair[1])}
    assert len(same) == 88
    assert found == same


@pytest.mark.real
def test_of_all_real_editions_one_of_each_title_stays(real_data):
    books = editions(real_data)
    gone = verdicts([{name: body} for name, body in books.items()], BOOKS)
    kept = [title(name) for name in books if name not in gone]
    assert kept == sorted({title(name) for name in books})
    assert sum(title(name).startswith("Frankenstein") for name in books) == 12
    assert all(title(name) == title(keeper) for name, keeper in gone.items())


@pytest.mark.real
def test_a_real_novel_within_a_collected_volume_is_found(real_data):
    books = editions(real_data)
    one, two = (next(name for name in books if title(name).startswith(start)) for start in ("Frank", "Treasure"))
    other = next(name for name in books if title(name).startswith("Metamorphosis"))
    volume = {"volume": f"Two Novels\n\n{books[one]}\n\n{books[two]}"}
    units = [{one: books[one]}, {two: books[two]}, {other: books[other]}, volume]
    assert verdicts(units, BOOKS) == {one: "volume", two: "volume"}


def posts(path: Path, month: str):
    rows = etree.parse(str(path)).getroot()
    return {
        f"{month} {row.get('Id')}": html_to_text(row.get("Body")) for row in rows if row.get("PostTypeId") in ("1", "2")
    }


@pytest.mark.real
@pytest.mark.parametrize("max_jaccard, count", [(0.35, 666), (0.8, 662)])
def test_posts_that_two_real_dumps_of_a_site_share_are_found_and_no_others(real_data, max_jaccard, count):
    """Of 666 posts in both dumps all; four were rewritten in between so much that they are others at 0.8."""
    folder = real_data / "stackexchange"
    units = [posts(folder / f"ai-2016-{month}" / "Posts.xml", month) for month in ("09", "12")]
    gone = verdicts(units, rounds_of("stackexchange", max_jaccard=max_jaccard))
    assert {one.split()[1] for one in gone} == {other.split()[1] for other in gone.values()}
    assert all(one.split()[1] == other.split()[1] for one, other in gone.items())
    assert len(gone) == count
