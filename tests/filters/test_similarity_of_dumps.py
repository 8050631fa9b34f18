"""What the measures of similarity say of real near-duplicates: editions of books, and one site's posts in two dumps."""

from itertools import combinations, pairwise, product

import numpy as np
import pyarrow as pa
import pytest
from lxml import etree

from filters.books import unwrap
from filters.html_text import html_to_text
from filters.minhash import band_keys, choose_bands, estimate, signatures
from filters.shingles import shingle_sets
from tests.filters.overlaps import containment, jaccard

pytestmark = pytest.mark.real
WORDS = 5


@pytest.fixture(scope="module")
def editions(real_data):
    """Titles, and the text of an edition of each without its wrapper."""
    files = sorted((real_data / "books/gitenberg").rglob("*.txt"))
    texts = [unwrap(decoded(file.read_bytes())).text for file in files]
    return [file.relative_to(real_data / "books/gitenberg").parts[0] for file in files], pa.array(texts)


def decoded(content):
    try:
        return content.decode()
    except UnicodeDecodeError:
        return content.decode("latin-1")


@pytest.fixture(scope="module")
def posts(real_data):
    """The posts of a site in September and in December: two lists of number and text."""
    files = [real_data / "stackexchange" / dump / "Posts.xml" for dump in ("ai-2016-09", "ai-2016-12")]
    return [[read(row) for row in etree.parse(file).getroot() if row.get("PostTypeId") in "12"] for file in files]


def read(row):
    return int(row.get("Id")), html_to_text(row.get("Body"))


@pytest.mark.parametrize("words", [3, 5, 9])
def test_editions_of_a_title_are_alike_and_of_no_others(editions, words):
    titles, texts = editions
    pairs = np.array(list(combinations(range(len(titles)), 2)))
    same = np.array([titles[one] == titles[other] for one, other in pairs])
    sets = shingle_sets(texts, words)
    assert same.sum() == 88
    for share in (jaccard, containment):
        found = share(*sets, pairs)
        assert (found[same].min() > 0.9, found[~same].max() < 0.11) == (True, True)


@pytest.mark.parametrize("threshold", [0.5, 0.7, 0.8, 0.9])
def test_bands_bring_all_editions_of_a_title_together_and_no_others(editions, threshold):
    titles, texts = editions
    keys = band_keys(signatures(texts, words=WORDS), choose_bands(threshold, 128, false_negative_weight=0.9))
    pairs = combinations(range(len(titles)), 2)
    found = {(one, other) for one, other in pairs if (keys[one] == keys[other]).any()}
    assert found == {(one, other) for one, other in combinations(range(len(titles)), 2) if titles[one] == titles[other]}


@pytest.mark.parametrize("threshold, rewritten", [(0.35, set()), (0.5, {12, 1818}), (0.7, {12, 1818, 1354})])
def test_similar_posts_of_two_dumps_are_those_in_both(posts, threshold, rewritten):
    before, after = posts
    pairs = np.array([(one, len(before) + other) for one, other in product(range(len(before)), range(len(after)))])
    share = jaccard(*shingle_sets(pa.array([text for _, text in before + after]), WORDS), pairs)
    numbers = [number for number, _ in before + after]
    alike = {(numbers[one], numbers[other]) for one, other in pairs[share >= threshold]}
    both = {number for number, _ in before} & {number for number, _ in after}
    assert (alike, len(both)) == ({(number, number) for number in both - rewritten}, 666)


def test_bands_miss_no_post_that_is_similar_enough(posts):
    texts = pa.array([text for dump in posts for _, text in dump])
    rows, (before, after) = signatures(texts, words=WORDS), posts
    keys = band_keys(rows, choose_bands(0.7, 128, false_negative_weight=0.9))
    known = {number: len(before) + place for place, (number, _) in enumerate(after)}
    pairs = np.array([(place, known[number]) for place, (number, _) in enumerate(before) if number in known])
    share = jaccard(*shingle_sets(texts, WORDS), pairs)
    found = (keys[pairs[:, 0]] == keys[pairs[:, 1]]).any(axis=1)
    assert (found[share >= 0.7].all(), (share >= 0.7).sum()) == (True, 663)


def test_estimates_are_as_good_as_datasketchs(posts):
    """Of posts with their last third cut off, whose similarity lies around two thirds."""
    datasketch = pytest.importorskip("datasketch")
    texts = [text.split() for _, text in posts[1] if len(text.split()) > 30][:300]
    texts = [" ".join(part) for words in texts for part in (words, words[: len(words) * 2 // 3])]
    hashes, offsets = shingle_sets(pa.array(texts), WORDS)
    true = jaccard(hashes, offsets, np.arange(len(texts)).reshape(-1, 2))
    held = [[hash_.tobytes() for hash_ in hashes[start:end]] for start, end in pairwise(offsets)]
    theirs = np.array([sketch.hashvalues for sketch in datasketch.MinHash.bulk(held, num_perm=128)])
    deviation = np.mean(true * (1 - true) / 128) ** 0.5
    for rows in (signatures(pa.array(texts), words=WORDS), theirs):
        errors = estimate(rows[::2], rows[1::2]) - true
        assert abs(errors.mean()) < 4 * deviation / len(true) ** 0.5
        assert errors.std() == pytest.approx(deviation, rel=0.15)
