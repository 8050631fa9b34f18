"""Perplexities of whole batches, by both ways of scoring; binary files of all sorts."""

import random
import shutil
import struct
import subprocess
import sys

import pyarrow as pa
import pytest
import sentencepiece

from filters import language_model
from filters.language_model import LanguageModel, check_language_model, is_binary, load_kenlm
from filters.ngram import estimate_language_model
from filters.normalize import normalize_for_language_model
from filters.perplexity import load_pieces, train_pieces

WORDS = "the house is old and a garden behind it full of apples nobody has gathered this year under trees".split()
TEXTS = [
    "The house.",
    "",
    " \n ",
    "\0\x07",
    "Click || zxqv 50%",
    "漢 the 字漢 house",
    "the\nHÖUSE 12",
    "old " * 500,
    "字",
]


def some_lines(count=400, seed=5):
    dice = random.Random(seed)
    return [" ".join(dice.choices(WORDS, k=dice.randint(3, 12))) for _ in range(count)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """`lm.arpa` over `pieces.model`; it knows the unknown piece 漢 as a word, and 字 not."""
    folder = tmp_path_factory.mktemp("language_model")
    train_pieces(some_lines(), folder / "pieces.model", vocabulary_size=80)
    pieces = load_pieces(str(folder / "pieces.model"))
    lines = [*some_lines(), "the 漢 house", "漢 old"]
    estimate_language_model((" ".join(pieces.encode(line, out_type=str)) for line in lines), folder / "lm.arpa")
    return folder


@pytest.fixture(scope="module")
def binaries(folder):
    """What `build_binary` makes of the model, as hash tables and as a trie."""
    program = shutil.which("build_binary")
    if program is None:
        pytest.skip("build_binary is not on PATH")
    for kind in ("probing", "trie"):
        subprocess.run([program, kind, folder / "lm.arpa", folder / f"lm.{kind}"], check=True, capture_output=True)
    return [folder / "lm.probing", folder / "lm.trie"]


def model_of(folder, name="lm.arpa"):
    return LanguageModel(str(folder / name), str(folder / "pieces.model"))


def plain(folder, text, line_break=" "):
    """cc_net's way, not rounded."""
    pieces, ngrams = load_pieces(str(folder / "pieces.model")), load_kenlm(str(folder / "lm.arpa"))
    found = pieces.encode_as_pieces(normalize_for_language_model(text.replace("\n", line_break)))
    return 10.0 ** (-ngrams.score(" ".join(found)) / (len(found) + 1)) if found else None


@pytest.mark.parametrize("line_break", ["", " "])
def test_a_batch_has_the_figures_of_its_texts_one_by_one(folder, line_break):
    expected = [plain(folder, text, line_break) for text in TEXTS]
    assert model_of(folder).perplexities(pa.array(TEXTS), line_break=line_break) == expected
    assert [value is None for value in expected] == [not text.strip("\0\x07 \n") for text in TEXTS]


def test_a_binary_model_gives_the_same_figures(folder, binaries):
    expected = model_of(folder).perplexities(pa.array(TEXTS))
    for path in binaries:
        assert model_of(folder, path.name).perplexities(pa.array(TEXTS)) == expected
        assert model_of(folder, path.name).perplexities(pa.array(["the house"])) == [plain(folder, "the house")]
        assert model_of(folder, path.name).perplexities(pa.array([], pa.large_string())) == []


def test_an_unknown_piece_that_the_model_knows_is_known(folder):
    known, unknown = model_of(folder).perplexities(pa.array(["the 漢 house", "the 字 house"]))
    assert known < unknown


def test_figures_are_rounded_where_asked_for(folder):
    whole = model_of(folder).perplexities(pa.array(TEXTS))
    assert model_of(folder).perplexities(pa.array(TEXTS), decimals=1) == [value and round(value, 1) for value in whole]


def test_a_piece_that_is_a_blank_counts_as_one_or_not_at_all(tmp_path):
    model = tmp_path / "pieces"
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter([f"{line} a\u2003b" for line in some_lines()]),
        model_prefix=str(model),
        vocab_size=60,
        hard_vocab_limit=False,
        character_coverage=1.0,
        normalization_rule_name="identity",
        minloglevel=3,
    )
    estimate_language_model(some_lines(), tmp_path / "lm.arpa", order=2)
    texts = ["the\u2003house", "the 漢\u3000字"]
    found = [
        model_of(tmp_path).perplexities(pa.array(texts), split_pieces_at_blanks=split, decimals=9)
        for split in (False, True)
    ]
    for text, whole, split in zip(texts, *found, strict=True):
        pieces = load_pieces(f"{model}.model").encode_as_pieces(text)
        score = load_kenlm(str(tmp_path / "lm.arpa")).score(" ".join(pieces))
        assert len(pieces) != len(" ".join(pieces).split())
        assert whole == round(10 ** (-score / (len(pieces) + 1)), 9)
        assert split == round(10 ** (-score / (len(" ".join(pieces).split()) + 1)), 9)


def test_a_model_that_finds_all_impossible_gives_a_number_that_fits(folder, tmp_path):
    unigrams, bigrams = "\\1-grams:\n-99\t<s>\t-99\n-99\t</s>\n", "\\2-grams:\n-1e6\t<s> </s>\n"
    (tmp_path / "lm.arpa").write_text(f"\\data\\\nngram 1=2\nngram 2=1\n\n{unigrams}\n{bigrams}\n\\end\\\n")
    model = LanguageModel(str(tmp_path / "lm.arpa"), str(folder / "pieces.model"))
    assert model.perplexities(pa.array(["the"])) == [pytest.approx(1e30)]


def test_loading_says_nothing(folder, capfd):
    load_kenlm(str(folder / "lm.arpa"))
    model_of(folder)
    assert capfd.readouterr() == ("", "")


def test_texts_are_spelt_out_for_kenlm_as_they_are_numbered_for_our_own_reader(folder, monkeypatch):
    pytest.importorskip("kenlm")
    paths = str(folder / "lm.arpa"), str(folder / "pieces.model")
    numbered = LanguageModel(*paths).perplexities(pa.array(TEXTS), decimals=1)
    monkeypatch.setattr(language_model, "_ArpaScorer", language_model._KenlmScorer)
    assert LanguageModel(*paths).perplexities(pa.array(TEXTS), decimals=1) == numbered


@pytest.mark.parametrize(
    ("slots", "said"),
    [(0.99, r"its header gives order 2, kind 0, 0\.99"), (1.0, r"it counts \(0, 0\)"), (100.0, r"it counts \(0, 0\)")],
)
def test_a_header_gives_a_table_from_1_to_100_slots_an_ngram(tmp_path, slots, said):
    pytest.importorskip("kenlm")
    head = b"mmap lm http://kheafield.com/code".ljust(88, b"\0") + struct.pack("<B3xfI", 2, slots, 0) + bytes(400)
    (tmp_path / "lm.binary").write_bytes(head)
    with pytest.raises(ValueError, match=said):
        load_kenlm(str(tmp_path / "lm.binary"))


def test_a_binary_is_told_by_its_first_bytes(folder, binaries):
    assert [is_binary(str(path)) for path in (*binaries, folder / "lm.arpa")] == [True, True, False]


def test_a_look_at_a_model_takes_either_form(folder, tmp_path):
    head = b"mmap lm http://kheafield.com/code".ljust(88, b"\0") + struct.pack("<B3xfI8xQQ", 2, 1.5, 0, 5, 4)
    (tmp_path / "lm.binary").write_bytes(head + bytes(1000))
    for path in (tmp_path / "lm.binary", folder / "lm.arpa"):
        check_language_model(str(path))
        (tmp_path / "cut").write_bytes(path.read_bytes()[:100])
        with pytest.raises(ValueError, match=r"cut is no n-gram model: it ends (within its header|without )"):
            check_language_model(str(tmp_path / "cut"))


@pytest.mark.parametrize("kind", [0, 1])
def test_a_binary_that_is_cut_short_is_refused(folder, binaries, tmp_path, kind):
    content = binaries[kind].read_bytes()
    for length in (40, 88, 107, 120, 155, 160, 1000, len(content) // 2, len(content) - 2000):
        (tmp_path / "lm.binary").write_bytes(content[:length])
        with pytest.raises(ValueError, match=r"lm\.binary is no n-gram model"):
            LanguageModel(str(tmp_path / "lm.binary"), str(folder / "pieces.model"))


@pytest.mark.parametrize(
    "at, content, message",
    [
        (45, b"n 9", "is no n-gram model"),
        (56, b"\xff" * 8, "is no n-gram model"),
        (88, b"\x01", "its header gives order 1, kind 0, 1.5 slots"),
        (88, b"\x07", "its header gives order 7, kind 0"),
        (92, struct.pack("<f", 0.5), "kind 0, 0.5 slots"),
        (92, struct.pack("<f", float("nan")), "kind 0, nan slots"),
        (92, struct.pack("<f", 1e30), "kind 0, 1e30|kind 0, 1.0"),
        (96, b"\x06", "kind 6"),
        (104, b"\x09", "is no n-gram model"),
        (108, b"\0" * 8, r"it counts \(0, "),
        (116, b"\xff" * 8, r"it counts \(.*, 18446744073709551615, "),
        (116, b"\0\0\0\0\0\0\0\x40", r"4611686018427387904"),
    ],
)
def test_a_binary_with_a_spoilt_header_is_refused(folder, binaries, tmp_path, at, content, message):
    whole = binaries[0].read_bytes()
    (tmp_path / "lm.binary").write_bytes(whole[:at] + content + whole[at + len(content) :])
    with pytest.raises(ValueError, match=rf"(?s)lm\.binary is no n-gram model.*({message})|lm\.binary.*{message}"):
        LanguageModel(str(tmp_path / "lm.binary"), str(folder / "pieces.model"))


def test_a_missing_or_foreign_file_is_named(folder, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no language model at .*nothing\.bin"):
        LanguageModel(str(tmp_path / "nothing.bin"), str(folder / "pieces.model"))
    magic = b"mmap lm http://kheafield.com/code"
    for content in (b"hello\n", b"", magic, magic + b" incomplete\n" + bytes(500)):
        (tmp_path / "text.bin").write_bytes(content)
        with pytest.raises(ValueError, match=r"text\.bin is no n-gram model"):
            LanguageModel(str(tmp_path / "text.bin"), str(folder / "pieces.model"))
        with pytest.raises(ValueError, match=r"text\.bin is no n-gram model"):
            load_kenlm(str(tmp_path / "text.bin"))


def test_without_kenlm_its_own_files_are_refused_with_the_way_out(folder, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "kenlm", None)
    (tmp_path / "lm.binary").write_bytes(b"mmap lm http://kheafield.com/code")
    with pytest.raises(ValueError, match=r"lm\.binary needs kenlm, which is not installed, .*: name the ARPA file"):
        LanguageModel(str(tmp_path / "lm.binary"), str(folder / "pieces.model"))
    LanguageModel(str(folder / "lm.arpa"), str(folder / "pieces.model"))
