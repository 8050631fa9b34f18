"""Ids are SentencePiece's for a million strings of any characters, for every setting of a model, and for all real text.

What needs real dumps runs with `TOKENMILL_REAL_DATA=FOLDER python -m pytest -m real tests/tokenizer`.
"""

import bz2
import contextlib
import gzip
import io
import lzma
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import py7zr
import pyarrow as pa
import pytest
import sentencepiece

from tokenizer.encode import Encoder
from tokenizer.sentencepiece_model import Kind
from tokenizer.train import train_tokenizer

AT_ONCE = 50_000
CHUNK_BYTES, MOST_BYTES = 1_000_000, 32_000_000  # Of a file: one is 500 MB of the same page again and again.
RUNS = [" ", "  ", " " * 17, "\n", "\n" * 9, "\t", "\r\n", "▁", "▁▁", "▁" * 20, "\u3000", "\u00a0", "\u2028", "\u2009"]
MARKS = ["<unk>", "<s>", "</s>", "<0x41>", "<pad>", "<sep>", "<mask>", "▅", " ⁇ "]
CONTROLS = "".join(map(chr, [*range(32), *range(127, 160), 0xAD, 0xFEFF, 0xFFFD, 0xFFFE, 0xFFFF]))
CONTROLS += "\u200b\u200c\u200d\u200e\u202e\u2060"
COMBINING = "".join(map(chr, [*range(0x300, 0x370), *range(0x591, 0x5BE), *range(0xE31, 0xE3B), 0x3099, 0x309A]))
COMBINING += "\ufe0f\U0001f3fb\U0001f468\u20e3" + "aeiouAEIOUncאกか" * 4
FOLDED = "".join(map(chr, [*range(0xFB00, 0xFB07), 0xFDFA, 0xFDFB, *range(0x3300, 0x3358), *range(0x2100, 0x2140)]))
FOLDED += "".join(
    map(chr, [*range(0xAC00, 0xAC40), *range(0x1100, 0x1200), 0x1E9B, 0x323, 0x212B, *range(0xFF00, 0xFF60)])
)
PLANES = ((0, 0x80, 300), (0x80, 0x800, 1500), (0x800, 0xD800, 3000), (0xE000, 0x10000, 800), (0x10000, 0x110000, 3000))


def chunks_of(chance: np.random.Generator, pieces: tuple[str, ...]) -> list[list[str]]:
    """What strings are made of, a list a class: characters of all planes, assigned or not, and worse."""
    points = np.concatenate([chance.integers(low, high, count) for low, high, count in PLANES])
    some = [pieces[i] for i in chance.integers(0, len(pieces), 4000)]
    words = [piece.replace("▁", " ") for piece in some]
    digits = [*"0123456789１٣²½", "2024", "3.14", "1,000,000"]
    return [[*map(chr, points)], [*CONTROLS], [*COMBINING], RUNS, digits, words, [*some, *words], MARKS, [*FOLDED]]


def strings(seed: int, count: int, pieces: tuple[str, ...]) -> list[str]:
    """Strings of eleven chunks on average, most of them of one class; one in two thousand is repeated many times."""
    chance = np.random.default_rng(seed)
    classes = chunks_of(chance, pieces)
    first = np.cumsum([0, *map(len, classes)])
    lengths = np.minimum(chance.geometric(0.09, count), 120) - 1
    total = int(lengths.sum())
    own, other = np.repeat(chance.integers(0, len(classes), count), lengths), chance.integers(0, len(classes), total)
    kind = np.where(chance.random(total) < 0.3, other, own)
    at = first[kind] + (chance.random(total) * np.diff(first)[kind]).astype(np.int64)
    chunks = np.array([chunk for chunks in classes for chunk in chunks], object)[at].tolist()
    ends = np.cumsum(lengths).tolist()
    made = ["".join(chunks[start:end]) for start, end in zip([0, *ends], ends, strict=False)]
    for index in chance.integers(0, count, count // 2000).tolist():
        made[index] = made[index][:20] * int(chance.integers(2, 200))
    return made


def check(encoder: Encoder, texts: list[str]) -> None:
    """Fails at the first text whose ids are not SentencePiece's."""
    found = encoder.encode(pa.array(texts, pa.large_string()))
    expected = encoder.processor.encode(texts, num_threads=2)
    lengths = np.fromiter(map(len, expected), np.int64, len(texts))
    ids = np.fromiter((token for row in expected for token in row), np.int32, int(lengths.sum()))
    if not (np.array_equal(np.diff(found.offsets), lengths) and np.array_equal(found.ids, ids)):
        rows = (found.ids[a:b].tolist() for a, b in zip(found.offsets, found.offsets[1:], strict=False))
        wrong = next(text for text, row, own in zip(texts, rows, expected, strict=True) if row != own)
        pytest.fail(f"other ids for {wrong[:200]!r}")


def check_strings(path: Path, count: int, seed: int) -> None:
    encoder = Encoder(path)
    for start in range(0, count, AT_ONCE):
        check(encoder, strings(seed + start, min(AT_ONCE, count - start), encoder.pieces))


def test_strings_are_of_every_kind_and_the_same_for_the_same_seed():
    made = strings(3, 5000, ("▁the", "cat"))
    assert made == strings(3, 5000, ("▁the", "cat")) != strings(4, 5000, ("▁the", "cat"))
    text = "".join(made)
    assert {ord(character) >> 16 for character in text} == set(range(17))
    assert not any(0xD800 <= ord(character) < 0xE000 for character in text)
    assert all(part in text for part in (" the", "▁▁", "\n\n", "\0", "e\u0301", "\ufffe", "<s>", "½"))
    assert "" in made and max(map(len, made)) > 500


@pytest.fixture(scope="module")
def own_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """LLaMA's settings, trained by us on text of several scripts."""
    texts = strings(1, 20_000, ("▁the", "▁cat", "tion", "ing", "▁über", "日本", "и", "на"))
    path = tmp_path_factory.mktemp("own")
    train_tokenizer(iter(texts), path / "own", vocabulary_size=6000, character_coverage=0.99)
    return path / "own.model"


@pytest.mark.system
def test_a_million_strings_have_sentencepieces_ids_under_a_model_of_ours(own_model):
    check_strings(own_model, 1_000_000, seed=10)


@pytest.mark.system
def test_a_million_strings_have_sentencepieces_ids_under_a_unigram_model(trained):
    texts = strings(2, 5000, ("▁the", "▁cat", "tion", "ing", "▁über", "日本", "и", "на"))
    check_strings(trained("unigram", texts, vocab_size=4000, character_coverage=0.99), 1_000_000, seed=20)


@pytest.mark.real
def test_a_million_strings_have_sentencepieces_ids_under_mistrals_model(real_data):
    check_strings(real_data / "models/mistral-v1/tokenizer.model.v1", 1_000_000, seed=30)


SETTINGS = [
    {"normalization_rule_name": "nmt_nfkc", "add_dummy_prefix": False, "byte_fallback": False},
    {"normalization_rule_name": "nfkc", "remove_extra_whitespaces": False, "allow_whitespace_only_pieces": True},
    {"normalization_rule_name": "nfkc_cf", "treat_whitespace_as_suffix": True},
    {"normalization_rule_name": "nmt_nfkc_cf", "split_by_whitespace": False, "add_dummy_prefix": False},
    {"normalization_rule_name": "identity", "treat_whitespace_as_suffix": True, "remove_extra_whitespaces": False},
    {"user_defined_symbols": ["<sep>", "at ", "▁the", "日本", "aa", "a"], "control_symbols": ["<mask>", "sat"]},
    {"user_defined_symbols": ["  ", "\n", "\t", "▁"], "remove_extra_whitespaces": False, "split_digits": True},
    {"user_defined_symbols": ["ﷺ", "Å", "a\u0301", "½"], "byte_fallback": False},
    {"split_by_unicode_script": False, "split_by_number": False, "vocabulary_output_piece_score": False},
]


@pytest.mark.parametrize("changed", SETTINGS, ids=str)
@pytest.mark.parametrize("kind", ["bpe", "unigram", "char", "word"])
def test_strings_have_sentencepieces_ids_under_any_setting(trained, kind, changed):
    size = {"bpe": 500, "unigram": 500}.get(kind, 90)
    bytes_ = changed.get("byte_fallback", True) and kind in ("bpe", "unigram")
    settings = changed | {"byte_fallback": bytes_, "vocab_size": size if bytes_ else 90}
    check_strings(trained(kind, **settings), 3000, seed=40)


@pytest.mark.parametrize("kind", ["bpe", "unigram"])
@pytest.mark.parametrize("place", [259, 261, 265, -1])
def test_a_model_with_an_unused_piece_has_sentencepieces_ids(trained, changed_model, kind, place):
    unused = Encoder(trained(kind)).pieces[place]
    path = changed_model(trained(kind), kinds={unused: Kind.UNUSED})
    assert sentencepiece.SentencePieceProcessor(model_file=str(path)).is_unused(Encoder(path).pieces.index(unused))
    check_strings(path, 3000, seed=50)


@pytest.mark.parametrize("kind", ["bpe", "unigram"])
def test_a_piece_that_is_a_zero_byte_gives_way_to_the_byte(trained, changed_model, kind):
    path = changed_model(trained(kind), names={"日": "\0"})
    check(Encoder(path), ["a\0日\0\0", "\0"])


@pytest.mark.parametrize("kind", ["bpe", "unigram"])
def test_a_model_that_leaves_blanks_as_they_are_has_sentencepieces_ids(trained, changed_model, kind):
    blanks = {piece: piece.replace("▁", " ") for piece in Encoder(trained(kind)).pieces if "▁" in piece}
    path = changed_model(trained(kind), escape_whitespaces=False, names=blanks)
    check_strings(path, 3000, seed=60)


def files_within(path: Path) -> Iterator[bytes]:
    """The bytes of a file, unpacked; of an archive, of all its members."""
    if py7zr.is_7zfile(path):
        with py7zr.SevenZipFile(path) as archive:
            factory = py7zr.io.BytesIOFactory(1 << 30)
            archive.extractall(factory=factory)
            yield from (member.read() for member in factory.products.values())
    else:
        yield from _unpacked(path.read_bytes())


def _unpacked(content: bytes) -> Iterator[bytes]:
    openers = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ": lzma.open}
    if opener := next((opener for magic, opener in openers.items() if content.startswith(magic)), None):
        # Some are damaged on purpose: then their own bytes are as good a text as any.
        with contextlib.suppress(OSError, EOFError, lzma.LZMAError, zlib.error):
            content = opener(io.BytesIO(content)).read(MOST_BYTES)
        yield content
    elif content[257:262] == b"ustar":
        with tarfile.open(fileobj=io.BytesIO(content)) as archive:
            for member in archive:
                if stream := archive.extractfile(member):
                    yield from _unpacked(stream.read())
    else:
        yield content


def real_texts(folder: Path) -> Iterator[list[str]]:
    """All that lies in the folder as text, in pieces of at most a megabyte, a few megabytes at a time."""
    held: list[str] = []
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        for content in files_within(path):
            held += [
                content[at : at + 1_000_000].decode("utf-8", "replace") for at in range(0, len(content), 1_000_000)
            ]
            if sum(map(len, held)) > 8_000_000:
                yield held
                held = []
    yield held


@pytest.fixture(scope="module")
def real_model(tmp_path_factory: pytest.TempPathFactory, real_data: Path) -> Path:
    """LLaMA's settings, trained by us on books."""
    texts = (path.read_text("utf-8", "replace") for path in sorted(real_data.glob("books/*/*/*.txt")))
    path = tmp_path_factory.mktemp("real")
    train_tokenizer(texts, path / "real", vocabulary_size=16_000)
    return path / "real.model"


@pytest.mark.real
def test_all_real_text_has_sentencepieces_ids(real_data, real_model, capsys):
    paths = real_data / "models/mistral-v1/tokenizer.model.v1", real_data / "expected/ccnet-lm/en.sp.model", real_model
    encoders = [Encoder(path) for path in paths]
    compared = 0
    for texts in real_texts(real_data):
        compared += sum(len(text.encode()) for text in texts)
        for encoder in encoders:
            check(encoder, texts)
    with capsys.disabled():
        print(f"{compared / 1e6:.0f} MB of real text compared under each of {len(paths)} models")
    assert compared > 100e6
