"""ARPA files of all sorts: what KenLM reads gives KenLM's scores, what is no model is a ValueError with the place."""

import gzip
import lzma
import random
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters import arpa_reader
from filters.arpa_reader import check_arpa, read_arpa
from filters.language_model import load_kenlm
from filters.ngram import estimate_language_model

ARPA = """\\data\\
ngram 1=5
ngram 2=4
ngram 3=2

\\1-grams:
-1.5\t<unk>\t0
0\t<s>\t-0.5
-0.9\t</s>
-0.7\ta\t-0.25
-1.25\tb\t-0.125

\\2-grams:
-0.3\t<s> a\t-0.2
-0.4\ta b\t-0.1
-0.5\ta </s>
-0.6\tb a\t-0.05

\\3-grams:
-0.1\t<s> a b
-0.2\ta b a

\\end\\
"""
TEXTS = ["", "a", "b", "a b", "a b a", "b a b a </s> a", "x", "a x b", "<s> a b", "<unk> a"]


def read(tmp_path, content):
    path = tmp_path / "lm.arpa"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_arpa(str(path))


def scores(model):
    words = [[model.numbers.get(word.encode(), 0) for word in text.split()] for text in TEXTS]
    offsets = np.cumsum([0, *map(len, words)])
    return model.score(np.array([number for sentence in words for number in sentence], np.int32), offsets).tolist()


def kenlms(tmp_path):
    model = load_kenlm(str(tmp_path / "lm.arpa"))
    return [model.score(text) for text in TEXTS]


VARIANTS = {
    "plain": ARPA,
    "windows": ARPA.replace("\n", "\r\n"),
    "exponents": ARPA.replace("-0.25", "-2.5e-01").replace("-0.2\t", "-2E-1\t").replace("-0.1\n", "-10.e-2\n"),
    "long numbers": ARPA.replace("-0.25", "-0.25000000000000000000000000001").replace("-0.7", "-" + "0" * 40 + ".7"),
    "tiny": ARPA.replace("-0.05", "-1e-30").replace("-0.125", "-1e-999"),
    "no unknown word": ARPA.replace("-1.5\t<unk>\t0\n", "").replace("1=5", "1=4"),
    "another unknown word": ARPA.replace("<unk>", "<UNK>"),
    "comments and blank lines": "# made by hand\n\n" + ARPA.replace("\n\\", "\n\n\n\\"),
    "no last line end": ARPA.rstrip("\n"),
    "positive back-offs": ARPA.replace("-0.25", "0.25"),
    "idle contexts": ARPA.replace("-0.05", "0"),
}


@pytest.mark.parametrize("name", VARIANTS)
def test_a_model_scores_as_kenlm_has_it(tmp_path, name, capfd):
    assert scores(read(tmp_path, VARIANTS[name])) == kenlms(tmp_path)


def test_blanks_may_stand_where_tabulators_do(tmp_path):
    assert scores(read(tmp_path, ARPA.replace("\t", " "))) == scores(read(tmp_path, ARPA))


def pruned(lines, share):
    """The model without some n-grams that are no contexts though longer ones end in them, as some tools prune."""
    ngrams = [line.split("\t")[1] if "\t" in line else "" for line in lines]
    contexts = {ngram.rpartition(" ")[0] for ngram in ngrams}
    suffixes = {ngram.partition(" ")[2] for ngram in ngrams}
    idle = [i for i, ngram in enumerate(ngrams) if " " in ngram and ngram in suffixes - contexts]
    gone = set(random.Random(0).sample(idle, len(idle) // share))
    kept = [line for i, line in enumerate(lines) if i not in gone]
    for order in range(1, 5):
        count = sum(ngrams[i].count(" ") + 1 == order for i in gone)
        kept = [re.sub(rf"^(ngram {order}=)(\d+)", lambda m, n=count: f"{m[1]}{int(m[2]) - n}", line) for line in kept]
    return kept, len(gone)


def test_ngrams_without_their_shorter_ones_are_found(tmp_path):
    dice = random.Random(3)
    text = [" ".join(dice.choices("abcdefgh", weights=range(1, 9), k=9)) for _ in range(300)]
    estimate_language_model(text, tmp_path / "lm.arpa", order=4)
    lines, gone = pruned((tmp_path / "lm.arpa").read_text().splitlines(), 3)
    model = read(tmp_path, "\n".join(lines))
    kenlm = load_kenlm(str(tmp_path / "lm.arpa"))
    numbers = np.array([[model.numbers[word.encode()] for word in line.split()] for line in text], np.int32)
    assert gone > 10
    assert model.score(numbers.reshape(-1), np.arange(0, 9 * 301, 9)).tolist() == [kenlm.score(line) for line in text]


@pytest.mark.parametrize("pack", [gzip.compress, lzma.compress])
def test_a_packed_file_is_read_as_it_is(tmp_path, pack):
    assert scores(read(tmp_path, pack(ARPA.encode()))) == scores(read(tmp_path, ARPA))


def test_what_the_model_holds(tmp_path):
    model = read(tmp_path, ARPA)
    assert model.order == 3
    assert model.numbers == {b"<unk>": 0, b"<UNK>": 0, b"<s>": 2, b"</s>": 3, b"a": 4, b"b": 5}


@pytest.mark.parametrize("block", [7, 64, 100])
def test_where_a_block_ends_does_not_matter(tmp_path, monkeypatch, block):
    expected = scores(read(tmp_path, ARPA))
    monkeypatch.setattr(arpa_reader, "_BLOCK_BYTES", block)
    assert scores(read(tmp_path, ARPA)) == expected


@pytest.mark.parametrize(
    "old, new, message",
    [
        ("\\data\\", "<html>", "before byte 7 .data. was expected: '<html>'"),
        ("ngram 2=4", "ngram 3=4", "before byte 27 the count of 2-grams was expected: 'ngram 3=4'"),
        ("ngram 2=4", "ngram 2=4e9", "the count of 2-grams was expected"),
        ("ngram 2=4", "ngram 2=999999999999", "1000000000006 n-grams are more than can be numbered|more than can be"),
        ("ngram 2=4\nngram 3=2\n", "", "its order is 1, not one from 2 to 6"),
        ("ngram 3=2", "ngram 3=2\nngram 4=0\nngram 5=0\nngram 6=0\nngram 7=0", "its order is 7, not one from 2 to 6"),
        ("1=5", "1=6", "not a number and 1 words: '.{2}2-grams:'"),
        ("1=5", "1=4", r"\\2-grams: was expected: '-1.25\\tb\\t-0.125'"),
        ("2=4", "2=5", r"not a number and 2 words: '.{2}3-grams:'"),
        ("2=4", "2=3", r"\\3-grams: was expected: '-0.6\\tb a\\t-0.05'"),
        ("-0.7\ta", "x\ta", "not a number and 1 words"),
        ("-0.7\ta\t-0.25", "-0.7", "not a number and 1 words"),
        ("-0.7\ta\t-0.25", "-0.7\ta\t-0.25\t1", "not a number and 1 words"),
        ("-0.7\ta", "0.7\ta", "a probability above 1"),
        ("-0.7\ta", "nan\ta", "a probability above 1"),
        ("-0.7\ta\t-0.25", "-0.7\ta\tinf", "a probability above 1"),
        ("-1.25\tb", "-1.25\ta", "the n-gram stands twice"),
        ("-1.25\tb", "-1.25\t<UNK>", "the n-gram stands twice"),
        ("</s>\n-0.7", "x\n-0.7", "it has no </s> among its words"),
        ("\t<s>\t", "\tx\t", "it has no <s> among its words"),
        ("-0.4\ta b", "-0.4\ta c", "a word is no unigram: '-0.4"),
        ("-0.4\ta b", "-\ta b", "not a number and 2 words"),
        ("-0.4\ta b", "-0.4a b", "not a number and 2 words"),
        ("-0.4\ta b", "-0.4x\ta b", "not a number and 2 words"),
        ("-0.4\ta b\t-0.1", "-0.4\ta", "not a number and 2 words"),
        ("-0.4\ta b", "0.4\ta b", "a probability above 1"),
        ("-0.4\ta b", "-1e99\ta b", "a probability above 1"),
        ("-0.4\ta b\t-0.1", "-0.4\ta b\t-1e99", "a probability above 1"),
        ("-0.4\ta b\t-0.1", "-0.4\ta b\tb", "more than a back-off behind the words"),
        ("-0.4\ta b\t-0.1", "-0.4\ta b\t-0.1\t-0.1", "more than a back-off behind the words"),
        ("-0.4\ta b", "-0.4\t<s> a", "the n-gram stands twice"),
        ("-0.4\ta b\t-0.1\n", "-0.4\tb b\n", "the context is no n-gram of the model"),
        ("-0.1\t<s> a b", "-0.1\t<s> a b\t-0.5", "a back-off where none can be charged"),
        ("\\end\\\n", "", "it ends too early"),
        ("\\end\\", "\\ende\\", r"\\end\\ was expected"),
    ],
)
def test_a_fault_is_named_with_its_place(tmp_path, old, new, message):
    assert old in ARPA
    with pytest.raises(ValueError, match=rf"(?s)lm\.arpa is no n-gram model: .*({message})"):
        read(tmp_path, ARPA.replace(old, new, 1))


def test_the_whole_message_of_a_fault(tmp_path):
    with pytest.raises(ValueError) as caught:
        read(tmp_path, ARPA.replace("-0.6\tb a", "-0.6\tb c"))
    place = ARPA.index("-0.6") + len("-0.6\tb a\t-0.05\n")
    message = f"{tmp_path}/lm.arpa is no n-gram model: before byte {place} a word is no unigram: '-0.6\\tb c\\t-0.05'"
    assert str(caught.value) == message


@pytest.mark.parametrize("length", range(0, len(ARPA) - 1, 7))
def test_a_file_that_is_cut_short_is_refused(tmp_path, length):
    with pytest.raises(ValueError, match="is no n-gram model"):
        read(tmp_path, ARPA[:length])


@pytest.mark.parametrize("pack", [gzip.compress, lzma.compress])
def test_a_packed_file_that_is_cut_short_or_spoilt_is_refused(tmp_path, pack):
    packed = pack(ARPA.encode() * 3)
    for content in (packed[:20], packed[:-9], packed[:40] + bytes(9) + packed[49:]):
        with pytest.raises(ValueError, match="is no n-gram model"):
            read(tmp_path, content)


@given(st.integers(0, len(ARPA) - 1), st.integers(1, 12), st.binary(max_size=6))
def test_whatever_is_put_into_a_file_is_read_or_refused(tmp_path_factory, at, length, put):
    content = ARPA.encode()
    content = content[:at] + put + content[at + length :]
    folder = tmp_path_factory.mktemp("spoilt")
    try:
        model = read(folder, content)
    except ValueError as error:
        assert "is no n-gram model" in str(error)
    else:
        assert all(np.isfinite(scores(model)))


def test_a_foreign_file_is_refused(tmp_path):
    for content in (b"", b"\0" * 5000, b"mmap lm", "é".encode() * 9999, b"a" * 3_000_000):
        with pytest.raises(ValueError, match="is no n-gram model"):
            read(tmp_path, content)


@pytest.mark.parametrize("pack", [bytes, gzip.compress, lzma.compress])
def test_a_look_at_a_file_sees_how_it_begins_and_unless_it_is_packed_how_it_ends(tmp_path, pack):
    def said_of(content):
        (tmp_path / "lm.arpa").write_bytes(pack(content))
        try:
            check_arpa(str(tmp_path / "lm.arpa"))
        except ValueError as error:
            return str(error).partition(f"{tmp_path}/lm.arpa is no n-gram model: ")[2]
        return "well"

    whole = ARPA.encode()
    counts, ends = whole.index(b"\n\\1-grams:"), whole.index(b"\\end\\")
    assert [said_of(content) for content in (whole, whole + bytes(4000), b"# made here\n\n" + whole)] == ["well"] * 3
    assert said_of(b"<!DOCTYPE html>\n") == "before byte 16 \\data\\ was expected: '<!DOCTYPE html>'"
    assert said_of(whole[:counts]) == "it ends too early"
    cut = "it ends without \\end\\" if pack is bytes else "well"
    assert [said_of(whole[:ends]), said_of(whole + bytes(5000))] == [cut, cut]
    assert said_of(whole.replace(b"-0.7\ta", b"a")) == "well"  # What lies between is read when it is used.


def test_an_endless_line_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(arpa_reader, "_BLOCK_BYTES", 1000)
    monkeypatch.setattr(arpa_reader, "_MAX_LINE_BYTES", 2000)
    with pytest.raises(ValueError, match="before byte 0 a line of more than 2000 bytes"):
        read(tmp_path, b"x" * 10_000)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=re.escape(f"no language model at {tmp_path}/lm.arpa")):
        read_arpa(str(tmp_path / "lm.arpa"))
