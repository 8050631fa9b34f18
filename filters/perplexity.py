"""How much does a document read like Wikipedia? Its perplexity under an n-gram model of SentencePiece's pieces."""

import io
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from filters.batch import FilterResult, with_column
from filters.language_model import LanguageModel
from filters.load_once import load_once

Bucket = Literal["head", "middle", "tail"]

_MAX_LINE_BYTES = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class ScorePerplexity:
    """Writes the perplexity of the whole document as one sentence: low reads like the model's text, high does not.

    Source: Wenzek et al. 2019, section 3.3; facebookresearch/cc_net perplexity.py, `DocLM` and `MultiSentencePiece`.
    Differs: a line end is read as a blank, where CCNet deletes it and glues two words (`line_break=""`); a piece that
    is one of Unicode's blanks counts, where CCNet splits there (`split_pieces_at_blanks`); not rounded, where CCNet
    rounds to one decimal (`decimals=1`). The sum is KenLM's to the last bit.
    Reads text, language. Rewrites perplexity (null for another language and for a text without a piece).
    Rejects: nothing. Counts: no_perplexity.
    """

    name: ClassVar[str] = "score_perplexity"
    reasons: ClassVar[tuple[str, ...]] = ()
    arpa_path: str
    pieces_path: str
    languages: tuple[str, ...]
    line_break: str = " "
    split_pieces_at_blanks: bool = False
    decimals: int | None = None

    def __post_init__(self) -> None:
        if self.line_break not in ("", " "):
            raise ValueError(f"line_break must be a blank or nothing, got {self.line_break!r}")
        if not self.languages:
            raise ValueError("languages must name at least one language, got ()")
        if self.decimals is not None and self.decimals < 0:
            raise ValueError(f"decimals must be at least 0, got {self.decimals}")

    def apply(self, batch: pa.RecordBatch) -> FilterResult:
        """Same rows in the same order; no document has a reason."""
        model = load_once(LanguageModel, self.arpa_path, self.pieces_path)
        wanted = pc.is_in(batch.column("language"), value_set=pa.array(self.languages, pa.string()))
        found = model.perplexities(
            batch.column("text").filter(wanted),
            line_break=self.line_break,
            split_pieces_at_blanks=self.split_pieces_at_blanks,
            decimals=self.decimals,
        )
        values = pc.replace_with_mask(pa.nulls(len(wanted), pa.float64()), wanted, pa.array(found, pa.float64()))
        scored = with_column(batch, "perplexity", values)
        return FilterResult(scored, pa.nulls(batch.num_rows, pa.string()), {"no_perplexity": values.null_count})


def bucket(perplexity: float, head: float, middle: float) -> Bucket:
    """`head` below the first cut-off, `middle` below the second, else `tail`; a value on a cut-off is above it."""
    if perplexity < head:
        return "head"
    return "middle" if perplexity < middle else "tail"


def cutoffs(perplexities: Iterable[float], head_percentile: float, middle_percentile: float) -> tuple[float, float]:
    """The two percentiles of the perplexities, interpolated linearly. They belong to the model that scored them."""
    values = np.fromiter(perplexities, dtype=np.float64)
    if not len(values):
        raise ValueError("no perplexity to take percentiles of")
    head, middle = np.percentile(values, [head_percentile, middle_percentile])
    return float(head), float(middle)


def load_pieces(path: str) -> Any:
    """SentencePiece's model of a file."""
    import sentencepiece

    if not Path(path).is_file():
        raise FileNotFoundError(f"no SentencePiece model at {path}")
    try:
        return sentencepiece.SentencePieceProcessor(model_file=path)
    except (OSError, RuntimeError) as error:
        raise ValueError(f"{path} is no SentencePiece model: {error}") from error


def train_pieces(lines: Iterable[str], path: Path, *, vocabulary_size: int, character_coverage: float = 0.9995) -> int:
    """Train a SentencePiece unigram model on normalised lines and write it to `path`; returns its number of pieces.

    Fewer pieces than asked for where the text does not hold as many. The caller bounds the lines: SentencePiece holds
    them all in memory, at about 20 bytes a character. One thread, since the sum of floats depends on their number.
    Raises ValueError where the text is empty or has more characters than `vocabulary_size` pieces.
    """
    import sentencepiece

    model = io.BytesIO()
    try:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=(line[: _MAX_LINE_BYTES // 4] for line in lines),
            model_writer=model,
            model_type="unigram",
            vocab_size=vocabulary_size,
            hard_vocab_limit=False,
            character_coverage=character_coverage,
            max_sentence_length=_MAX_LINE_BYTES,
            num_threads=1,
            minloglevel=3,
        )
    except RuntimeError as error:
        raise ValueError(f"SentencePiece cannot train {vocabulary_size} pieces on this text: {error}") from error
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.write_bytes(model.getvalue())
    temporary.replace(path)
    return int(load_pieces(str(path)).get_piece_size())
