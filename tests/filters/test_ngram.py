"""The estimated model: by hand, as a distribution, through KenLM, and against lmplz on real text."""

import gzip
import lzma
import math
import random
import shutil
import subprocess
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filters.language_model import load_kenlm
from filters.ngram import (
    FALLBACK_DISCOUNTS,
    count_last_ngram_as_lmplz_does,
    estimate_language_model,
    find_backoffs,
    modified_discounts,
    weigh_contexts,
)
from filters.ngram_words import MAX_WORDS
from filters.normalize import normalize_for_language_model
from filters.perplexity import load_pieces


def read_arpa(lines):
    """n-gram → (log10 probability, log10 backoff or None), and the counts of the head."""
    model, counts = {}, []
    for line in lines:
        fields = line.rstrip("\n").split("\t")
        if line.startswith("ngram "):
            counts.append(int(line.split("=")[1]))
        if len(fields) > 1:
            model[fields[1]] = (float(fields[0]), float(fields[2]) if len(fields) > 2 else None)
    return model, counts


def estimated(tmp_path, sentences, **settings):
    report = estimate_language_model(sentences, tmp_path / "lm.arpa", **settings)
    with (tmp_path / "lm.arpa").open(encoding="utf-8", newline="\n") as file:
        model, counts = read_arpa(file)
    return report, model, counts


def some_text(sentences=300, words=25, seed=1):
    dice = random.Random(seed)
    return [
        " ".join(f"w{int(words * dice.random() ** 2)}" for _ in range(dice.randint(1, 9))) for _ in range(sentences)
    ]


def test_bigrams_of_one_sentence_by_hand(tmp_path):
    # "a b": every count is 1, so D = 0.5; unigrams a b </s> have 1 each: (1 - 0.5) / 3 + 0.5 * 1/4, <unk> 0.5 / 4.
    _, model, counts = estimated(tmp_path, ["a b"], order=2)
    unigram = 0.5 / 3 + 0.5 / 4
    assert counts == [5, 3]
    assert model["<unk>"] == pytest.approx((math.log10(0.5 / 4), 0.0), abs=1e-6)
    assert model["<s>"] == pytest.approx((0.0, math.log10(0.5)), abs=1e-6)
    assert model["a"] == pytest.approx((math.log10(unigram), math.log10(0.5)), abs=1e-6)
    assert model["</s>"] == pytest.approx((math.log10(unigram), 0.0), abs=1e-6)
    assert model["a b"][0] == pytest.approx(math.log10(0.5 + 0.5 * unigram), abs=1e-6)
    assert set(model) == {"<unk>", "<s>", "</s>", "a", "b", "<s> a", "a b", "b </s>"}


def test_a_count_of_three_or_more_takes_the_third_discount(tmp_path):
    _, model, _ = estimated(tmp_path, ["a"] * 4, order=2)
    # Unigrams a and </s> have one word before them; <s> a occurs four times: D3+ = 1.5 of 4 is left.
    unigram = 0.5 / 2 + 0.5 / 3
    assert model["<s> a"][0] == pytest.approx(math.log10(2.5 / 4 + 1.5 / 4 * unigram), abs=1e-6)
    assert model["<s>"][1] == pytest.approx(math.log10(1.5 / 4), abs=1e-6)


@pytest.mark.parametrize("order", [2, 3, 5, 6])
def test_probabilities_after_any_context_sum_to_one(tmp_path, order):
    kenlm = pytest.importorskip("kenlm")
    _, model, counts = estimated(tmp_path, some_text(), order=order)
    kenlm_model = load_kenlm(str(tmp_path / "lm.arpa"))
    words = [word for word in model if " " not in word and word != "<s>"]
    assert counts[0] == len(words) + 1
    for context in ("", "w0", "w0 w1", "w3 w0 w0 w2 w1", "unheard w0"):
        state, after = kenlm.State(), kenlm.State()
        kenlm_model.BeginSentenceWrite(state)
        for word in context.split():
            kenlm_model.BaseScore(state, word, after)
            state, after = after, kenlm.State()
        total = sum(10 ** kenlm_model.BaseScore(state, word, kenlm.State()) for word in words)
        assert total == pytest.approx(1, abs=1e-5)


def test_small_memory_gives_the_same_model(tmp_path):
    whole, model, counts = estimated(tmp_path, some_text(), order=5)
    parts, again, counts_again = estimated(tmp_path, some_text(), order=5, memory_bytes=10_000)
    assert (whole.runs, parts.runs > 10) == (1, True)
    assert counts == counts_again and model == again


@pytest.mark.parametrize("words", [30, 1])
def test_memory_does_not_grow_with_the_text(tmp_path, words):
    # One word alone is the text whose n-grams are the most alike, however long it is.
    peaks = []
    for size in (1, 4, 16):
        text = some_text(1000 * size, words)
        tracemalloc.start()
        estimate_language_model(iter(text), tmp_path / "lm.arpa", memory_bytes=1 << 17)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[2] < 1.1 * peaks[0]


def test_the_same_text_gives_the_same_bytes(tmp_path):
    found = set()
    for i in range(2):
        estimate_language_model(some_text(), tmp_path / f"{i}.arpa", order=4)
        found.add((tmp_path / f"{i}.arpa").read_bytes())
    assert len(found) == 1


def test_report_counts_what_was_seen(tmp_path):
    report, _, counts = estimated(tmp_path, ["a b", "", "b"], order=3)
    assert report.tokens == 6
    assert list(report.ngrams) == counts == [5, 5, 3]
    assert report.fallback_orders == (1, 2, 3)
    assert report.discounts == (FALLBACK_DISCOUNTS,) * 3


def test_a_sentence_without_a_word_begins_and_ends(tmp_path):
    _, model, counts = estimated(tmp_path, ["", " \0"], order=3)
    assert counts == [3, 1, 0]
    # As lmplz prints it: one bigram, the fallback discounts.
    assert model["<s> </s>"][0] == pytest.approx(-0.0579919, abs=1e-6)


@pytest.mark.parametrize(
    "counts, discounts, fallback",
    [
        ([0, 10, 5, 2, 1, 9], (0.5, 1.4, 2.0), False),
        ([0, 0, 5, 2, 1, 9], FALLBACK_DISCOUNTS, True),
        ([0, 10, 0, 2, 1, 9], FALLBACK_DISCOUNTS, True),
        ([0, 10, 5, 0, 1, 9], FALLBACK_DISCOUNTS, True),
        ([0, 10, 5, 2, 0, 9], (0.5, 1.4, 3.0), False),
        ([0, 10, 1, 9, 1, 9], FALLBACK_DISCOUNTS, True),  # D2 = 2 - 3 * 10/12 * 9 is below 0.
    ],
)
def test_discounts_follow_from_counts_of_counts(counts, discounts, fallback):
    found = modified_discounts(np.array(counts))
    assert found == (pytest.approx(discounts), fallback)


def test_the_last_ngram_of_each_order_is_tallied_by_raw_count(tmp_path):
    # b is the last word: it stands three times, behind two words; `a b` twice, behind <s> alone.
    np.array([3, 4, 2, 3, 4, 2, 4, 2], dtype=np.uint32).tofile(tmp_path / "tokens")
    tallies = np.full((3, 6), 10)
    count_last_ngram_as_lmplz_does(tallies, tmp_path / "tokens", order=3, words=5)
    assert tallies.tolist() == [[10, 10, 9, 11, 10, 10], [10, 9, 11, 10, 10, 10], [10] * 6]


def test_a_small_text_has_the_discounts_that_lmplz_gives_it(tmp_path):
    # By adjusted counts no word has three, so that the fallback would be taken; the last word stands three times.
    report, _, _ = estimated(tmp_path, ["c", "b b b"], order=2)
    assert report.discounts[0] == pytest.approx((1 / 3, 1.0, 3.0))
    assert report.fallback_orders == (2,)


def test_a_context_leaves_to_the_shorter_one_what_its_discounts_take():
    probabilities, backoffs = np.zeros(3, np.float32), np.zeros(2, np.float32)
    shorter = np.array([0.5, 0.25], np.float32)
    columns = np.array([2, 1]), np.array([1, 3, 5]), np.array([7, 8, 8])
    weigh_contexts(*columns, 7, shorter, np.array([0, 0.5, 1, 1.5]), probabilities, backoffs)
    assert backoffs.tolist() == pytest.approx([2 / 4, 1.5 / 5])
    expected = [0.5 / 4 + 0.5 * 0.5, 1.5 / 4 + 0.5 * 0.25, 3.5 / 5 + 0.3 * 0.25]
    assert probabilities.tolist() == pytest.approx(expected)


def test_a_backoff_is_found_where_it_is_in_memory_and_is_1_without_a_context():
    words, contexts = np.array([0, 1, 2, 1], np.uint32), np.array([0, 2, 1])
    found = []
    for first in (0, 2):
        backoffs = np.array([0.1, 0.2, 0.3], np.float32)[first : first + 2]
        own = np.zeros(4, np.float32)
        find_backoffs(words, contexts, np.array([0, 0, 2]), backoffs, first, own)
        found.append(own.tolist())
    nan = math.nan
    assert found[0] == pytest.approx([1, 0.1, nan, 0.2], nan_ok=True)
    assert found[1] == pytest.approx([nan, nan, 0.3, nan], nan_ok=True)


def test_hostile_words_leave_a_model_that_kenlm_reads(tmp_path):
    text = ["<s> a </s> b <unk>", "a\tb\x00c", "\u00a0 \u2028 \x85 x", "\\end\\ \\data\\ ngram 1=7", "y" * 5000]
    estimate_language_model(text, tmp_path / "lm.arpa", order=3)
    model = load_kenlm(str(tmp_path / "lm.arpa"))
    assert "c" in model and "\\end\\" in model and "y" * 5000 not in model
    assert model.score("<s> </s> a", bos=True, eos=True) < 0


@pytest.mark.parametrize("order", [1, 7])
def test_an_order_that_kenlm_cannot_read_is_refused(tmp_path, order):
    with pytest.raises(ValueError, match=f"order must be from 2 to 6, got {order}"):
        estimate_language_model(["a"], tmp_path / "lm.arpa", order=order)


@pytest.mark.parametrize("max_words", [3, MAX_WORDS + 1])
def test_a_number_of_words_that_no_key_holds_is_refused(tmp_path, max_words):
    with pytest.raises(ValueError, match=f"max_words must be from 4 to 2097152, got {max_words}"):
        estimate_language_model(["a"], tmp_path / "lm.arpa", max_words=max_words)


def test_no_sentence_is_refused_and_leaves_nothing(tmp_path):
    with pytest.raises(ValueError, match="no sentence to count words of"):
        estimate_language_model([], tmp_path / "lm.arpa")
    assert list(tmp_path.iterdir()) == []


def test_only_the_model_is_left_beside_nothing_temporary(tmp_path):
    estimate_language_model(["a b"], tmp_path / "lm.arpa")
    assert [path.name for path in tmp_path.iterdir()] == ["lm.arpa"]


def test_past_the_word_limit_a_word_is_unknown_and_counted(tmp_path):
    _, model, _ = estimated(tmp_path, ["a b c d"], order=2, max_words=5)
    assert {word for word in model if " " not in word} == {"<unk>", "<s>", "</s>", "a", "b"}
    assert "b <unk>" in model and "<unk> <unk>" in model


@pytest.mark.real
def test_every_logarithm_is_that_of_lmplz(tmp_path, real_data):
    folder = real_data / "expected" / "ccnet-lm"
    pieces = load_pieces(str(folder / "en.sp.model"))
    with gzip.open(folder / "en.txt.gz", "rt", encoding="utf-8", newline="\n") as file:
        lines = [normalize_for_language_model(line) for line in file]
    _, ours, counts = estimated(tmp_path, (" ".join(pieces.encode(line, out_type=str)) for line in lines), order=5)
    with lzma.open(folder / "en.arpa.xz", "rt", encoding="utf-8", newline="\n") as file:
        theirs, their_counts = read_arpa(file)
    assert counts == their_counts and ours.keys() == theirs.keys()
    assert max(abs(ours[ngram][0] - theirs[ngram][0]) for ngram in theirs) < 1e-6
    assert max(abs((ours[ngram][1] or 0) - (theirs[ngram][1] or 0)) for ngram in theirs) < 1e-6


GOLDEN = """\
\\data\\
ngram 1=5
ngram 2=4
ngram 3=3

\\1-grams:
-0.90309\t<unk>\t0
0\t<s>\t-0.30103
-0.60206\t</s>\t0
-0.60206\ta\t-0.30103
-0.4259687\tb\t-0.30103

\\2-grams:
-0.4259687\t<s> a\t-0.30103
-0.3590219\t<s> b\t-0.30103
-0.1627273\ta b\t-0.30103
-0.20412\tb </s>\t0

\\3-grams:
-0.0737862\t<s> a b
-0.0901766\t<s> b </s>
-0.0901766\ta b </s>

\\end\\
"""


def test_a_whole_file_reads_as_arpa_does(tmp_path):
    estimate_language_model(["a b", "b"], tmp_path / "lm.arpa", order=3)
    assert (tmp_path / "lm.arpa").read_text() == GOLDEN


@settings(deadline=None, max_examples=25)
@given(text=st.lists(st.lists(st.sampled_from("abcd"), min_size=1, max_size=5), min_size=1, max_size=8))
def test_any_text_gives_probabilities_and_backoffs_within_bounds(tmp_path_factory, text):
    folder = tmp_path_factory.mktemp("any")
    _, model, counts = estimated(folder, (" ".join(words) for words in text), order=4)
    assert sum(counts) == len(model)
    assert all(probability <= 0 for probability, _ in model.values())
    assert all((backoff is None) == (len(ngram.split()) == 4) for ngram, (_, backoff) in model.items())


@settings(deadline=None, max_examples=25)
@given(text=st.lists(st.lists(st.sampled_from("abcd"), max_size=5), min_size=1, max_size=8))
def test_any_text_gives_the_same_model_in_many_runs(tmp_path_factory, text):
    folder = tmp_path_factory.mktemp("any")
    sentences = [" ".join(words) for words in text]
    _, whole, _ = estimated(folder, sentences, order=4)
    _, parts, _ = estimated(folder, sentences, order=4, memory_bytes=1)
    assert whole == parts


@pytest.mark.skipif(not shutil.which("lmplz"), reason="lmplz is not on PATH")
@pytest.mark.parametrize("order", [2, 3, 5, 6])
@settings(deadline=None, max_examples=15)
@given(
    text=st.lists(
        st.lists(st.sampled_from(["a", "b", "c", "d", "e", "<unk>", "</s>", "\u00a0", "f\x0bg"]), max_size=9),
        min_size=1,
    ),
    copies=st.integers(1, 5),
)
def test_any_text_gives_the_model_of_lmplz(tmp_path_factory, order, text, copies):
    folder = tmp_path_factory.mktemp("lmplz")
    sentences = [" ".join(words) for words in text] * copies
    _, ours, counts = estimated(folder, sentences, order=order)
    command = ["lmplz", "-o", str(order), "--discount_fallback", "--skip_symbols", "-S", "50M", "-T", str(folder)]
    lines = "".join(sentence + "\n" for sentence in sentences)
    found = subprocess.run([*command, "--vocab_estimate", "100"], input=lines.encode(), capture_output=True, check=True)
    theirs, their_counts = read_arpa(found.stdout.decode().split("\n"))
    assert counts == their_counts and ours.keys() == theirs.keys()
    for ngram, (probability, backoff) in theirs.items():
        assert ours[ngram] == (pytest.approx(probability, abs=1e-5), pytest.approx(backoff, abs=1e-5)), ngram
