"""Small models of every kind, and SentencePiece's own answer."""

import io
import itertools
import random
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import sentencepiece

from tokenizer.encode_bpe import build_bpe, encode_bpe
from tokenizer.encode_unigram import build_unigram, encode_unigram
from tokenizer.kernels import text_buffers
from tokenizer.normalizer import Normalizer
from tokenizer.segments import Segments, empty_segments, segment_key
from tokenizer.sentencepiece_model import Algorithm, Kind, parse_model

SENTENCES = ["the cat sat on the mat 1 22 333", "on the cat the mat sat", "über der Straße: Äpfel ½ 日本語 日本"] * 40
NAMES = {"bpe": 330, "unigram": 320}


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """`trained("bpe", add_dummy_prefix=False)`: the file of a model of a few pieces, with bytes for what is unknown."""
    folder = tmp_path_factory.mktemp("models")
    made: dict[str, Path] = {}

    def train(model_type: str = "bpe", sentences: list[str] = SENTENCES, **settings: object) -> Path:
        settings = {"byte_fallback": True, "vocab_size": NAMES.get(model_type, 60)} | settings
        key = repr((model_type, sentences, sorted(settings.items())))
        if key not in made:
            model = io.BytesIO()
            sentencepiece.SentencePieceTrainer.train(
                sentence_iterator=iter(sentences),
                model_writer=model,
                model_type=model_type,
                hard_vocab_limit=False,
                minloglevel=3,
                **settings,
            )
            made[key] = folder / f"{len(made)}.model"
            made[key].write_bytes(model.getvalue())
        return made[key]

    return train


@pytest.fixture(scope="session")
def written(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """`written(Algorithm.BPE, {"ab": -1.0}, own=["c"])`: the file of a model of just these pieces, with their scores.

    Ids: 0 is unknown, then the pieces, then the user's own. Text is not changed but that blanks become U+2581.
    """
    folder = tmp_path_factory.mktemp("written")
    numbers = itertools.count()

    def field(number: int, value: bytes) -> bytes:
        assert len(value) < 128
        return bytes([number << 3 | 2, len(value)]) + value

    def piece(text: str, score: float, kind: Kind) -> bytes:
        return field(1, field(1, text.encode()) + b"\x15" + struct.pack("<f", score) + bytes([3 << 3, kind]))

    def write(algorithm: Algorithm, pieces: dict[str, float], own: list[str] | None = None) -> Path:
        path = folder / f"{next(numbers)}.model"
        parts = [piece("<unk>", 0.0, Kind.UNKNOWN)]
        parts += [piece(text, score, Kind.NORMAL) for text, score in pieces.items()]
        parts += [piece(text, 0.0, Kind.USER_DEFINED) for text in own or []]
        trainer, normalizer = bytes([3 << 3, algorithm]), bytes([3 << 3, 0, 4 << 3, 0])
        path.write_bytes(b"".join(parts) + field(2, trainer) + field(3, normalizer))
        return path

    return write


@pytest.fixture(scope="session")
def same_ids() -> Callable[..., None]:
    """`same_ids(encoder, path, texts)`: fails at the first text whose ids are not SentencePiece's."""

    def check(encoder: object, path: Path, texts: list[str]) -> None:
        reference = sentencepiece.SentencePieceProcessor(model_file=str(path))
        found = encoder.encode(pa.array(texts, pa.large_string()))  # type: ignore[attr-defined]
        assert len(found.offsets) == len(texts) + 1
        for index, text in enumerate(texts):
            ids = found.ids[found.offsets[index] : found.offsets[index + 1]].tolist()
            assert ids == reference.encode(text), (str(path), text[:200])

    return check


@pytest.fixture(scope="session")
def checked_ids() -> Callable[..., list[list[int]]]:
    """`checked_ids(path, texts, table)`: each text's ids by the loop over the table, which must be SentencePiece's."""

    def check(path: Path, texts: list[str], table: Segments | None = None) -> list[list[int]]:
        model = parse_model(path.read_bytes())
        normalized = Normalizer(model).normalize(*text_buffers(pa.array(texts, pa.large_string())))
        table = table or empty_segments(1024, 1 << 20)
        if model.algorithm == Algorithm.BPE:
            ids, offsets = encode_bpe(build_bpe(model), table, *normalized)
        else:
            ids, offsets = encode_unigram(build_unigram(model), table, *normalized)
        found = [ids[start:end].tolist() for start, end in itertools.pairwise(offsets.tolist())]
        processor = sentencepiece.SentencePieceProcessor(model_file=str(path))
        assert found == [processor.encode(text) for text in texts]
        return found

    return check


@pytest.fixture(scope="session")
def crowd() -> list[bytes]:
    """Words, a blank before each, of which more want one of eight slots in a table of 1024 than find a place there."""
    words = (b" " + "".join(letters).encode() for letters in itertools.product("ab", repeat=16))
    slots = ((word, segment_key(np.frombuffer(word + bytes(32), np.uint8), 0, len(word))[3]) for word in words)
    return [word for word, mixed in slots if mixed % 1024 < 8]


@pytest.fixture(scope="module")
def texts() -> list[str]:
    """Forty texts of words that no table of theirs holds all of."""
    chance = random.Random(3)
    words = ["".join(chance.choice("thecasonm日ж") for _ in range(chance.randint(1, 30))) for _ in range(3000)]
    return [" ".join(chance.choice(words) for _ in range(chance.randint(0, 400))) for _ in range(40)]


@pytest.fixture
def changed_model(tmp_path: Path) -> Callable[..., Path]:
    """`changed_model(path, kinds={"a": 5}, names={"b": "c"})`: a model with some of its pieces changed."""

    def varint(value: int) -> bytes:
        return bytes([value & 0x7F | 0x80]) + varint(value >> 7) if value > 0x7F else bytes([value])

    def field(number: int, value: bytes) -> bytes:
        return varint(number << 3 | 2) + varint(len(value)) + value

    def change(
        path: Path, *, kinds: dict[str, int] | None = None, names: dict[str, str] | None = None, **flags: bool
    ) -> Path:
        kinds, names = kinds or {}, names or {}
        model = parse_model(path.read_bytes())
        assert kinds.keys() | names.keys() <= {piece.decode() for piece in model.pieces}
        parts = []
        for piece, score, kind in zip(model.pieces, model.scores, model.kinds.tolist(), strict=True):
            name = piece.decode()
            written = names.get(name, name).encode()
            number = bytes([3 << 3, kinds.get(name, kind)])
            parts.append(field(1, field(1, written) + b"\x15" + struct.pack("<f", score) + number))
        trainer = bytes([3 << 3, model.algorithm]) + varint(35 << 3) + bytes([model.byte_fallback])
        escape = flags.get("escape_whitespaces", True)
        normalizer = field(2, model.charsmap) if model.charsmap else b""
        normalizer += bytes([3 << 3, model.add_dummy_prefix, 4 << 3, model.remove_extra_whitespaces, 5 << 3, escape])
        found = tmp_path / "changed.model"
        found.write_bytes(b"".join(parts) + field(2, trainer) + field(3, normalizer))
        return found

    return change
