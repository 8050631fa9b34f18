"""Train the tokenizer: SentencePiece BPE with the settings stored in LLaMA's released `tokenizer.model`.

python -c "from tokenizer.train import train_tokenizer; ..."
"""

import hashlib
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import sentencepiece

from tokenizer.special_ids import BOS, EOS, UNK

THREADS = 80
"""The release's: the model file records it. Any number trains the same pieces."""

BYTES_A_SAMPLE_BYTE = 9
"""Memory that SentencePiece takes at its peak, measured: 8.9 for each byte of 40 MB of web text, 7.2 of 157 MB."""

BYTE_PIECES = 256

_LINE_ENDS = re.compile("[\n\t]")
"""LF cannot reach SentencePiece's trainer; TAB could, and would become a piece beside its byte, unlike LLaMA's."""


@dataclass(slots=True, kw_only=True)
class Report:
    """What the tokenizer was trained on, counted while SentencePiece read it."""

    vocabulary_size: int = 0
    digest: str = ""
    sentences: int = 0
    sentence_bytes: int = 0
    lines_cut: int = 0
    lines_unused: int = 0
    merges: int = 0
    characters: int = 0


def train_tokenizer(
    texts: Iterator[str],
    model_prefix: Path,
    *,
    vocabulary_size: int,
    character_coverage: float = 0.99995,
    max_sentence_bytes: int = 4192,
    sample_sentences: int = 200_000_000,
) -> Report:
    """Write `MODEL_PREFIX.model` and `MODEL_PREFIX.vocab` from texts; two runs write the same bytes.

    Source: LLaMA section 2, "Tokenizer"; settings as dumped from the released model, all of them, also those that are
    SentencePiece's defaults; google/sentencepiece 0.2.
    Differs: SentencePiece skips a line longer than `max_sentence_bytes`; here it is cut at blanks instead, because in
    books and web text a paragraph is one line. A TAB ends a line, so that its one piece is its byte.
    The model names no input file. Which text was sampled nobody has said.
    Raises ValueError where the texts cannot fill the vocabulary.
    """
    report = Report()
    model = io.BytesIO()
    try:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=_counted_sentences(texts, max_sentence_bytes, report),
            model_writer=model,
            model_type="bpe",
            vocab_size=vocabulary_size,
            character_coverage=character_coverage,
            input_sentence_size=sample_sentences,
            shuffle_input_sentence=True,  # SentencePiece draws its sample with a seed of its own, always the same.
            max_sentence_length=max_sentence_bytes,
            num_threads=THREADS,
            split_digits=True,
            allow_whitespace_only_pieces=True,
            byte_fallback=True,
            normalization_rule_name="identity",
            remove_extra_whitespaces=False,
            add_dummy_prefix=True,
            unk_id=UNK,
            bos_id=BOS,
            eos_id=EOS,
            pad_id=-1,
            minloglevel=2,
        )
    except RuntimeError as error:
        raise ValueError(_one_line(str(error), vocabulary_size, report)) from error
    return _write(model.getvalue(), model_prefix, report)


def sentences_of(line: str, max_bytes: int) -> Iterator[str]:
    """The line whole, or cut at blanks, or where it must be, into pieces of at most `max_bytes`."""
    start = 0
    while start < len(line):
        # At most `max_bytes` characters, and fewer where they take more than a byte each.
        piece = line[start : start + max_bytes].encode("utf-8", "replace")[:max_bytes].decode("utf-8", "ignore")
        piece = piece or line[start]
        if start + len(piece) < len(line):
            blank = piece.rfind(" ", 1)
            piece = piece[:blank] if blank > 0 else piece
        yield piece
        start += len(piece)


def _counted_sentences(texts: Iterator[str], max_bytes: int, report: Report) -> Iterator[str]:
    for text in texts:
        for line in _LINE_ENDS.split(text):
            before = report.sentences
            for sentence in sentences_of(line, max_bytes):
                report.sentences += 1
                report.sentence_bytes += len(sentence.encode("utf-8", "replace"))
                report.lines_unused += "\u2585" in sentence  # SentencePiece's own mark for an unknown character.
                yield sentence
            report.lines_cut += report.sentences - before > 1


def _write(model: bytes, model_prefix: Path, report: Report) -> Report:
    model_prefix.parent.mkdir(parents=True, exist_ok=True)
    processor = sentencepiece.SentencePieceProcessor(model_proto=model)
    pieces = [processor.id_to_piece(i) for i in range(processor.get_piece_size())]
    lines = [f"{piece}\t{processor.get_score(i):g}\n" for i, piece in enumerate(pieces)]
    model_prefix.with_name(model_prefix.name + ".model").write_bytes(model)
    model_prefix.with_name(model_prefix.name + ".vocab").write_text("".join(lines), "utf-8")
    report.vocabulary_size = len(pieces)
    report.digest = hashlib.blake2b(model, digest_size=16).hexdigest()
    normal = pieces[3 + BYTE_PIECES :]
    report.characters = sum(len(piece) == 1 for piece in normal)
    report.merges = len(normal) - report.characters
    return report


def _one_line(message: str, vocabulary_size: int, report: Report) -> str:
    if found := re.search(r"Vocabulary size too high \(\d+\).*<= (\d+)", message):
        return (
            f"vocabulary_size must be at most {found[1]} for a sample of {report.sentence_bytes} bytes,"
            f" got {vocabulary_size}"
        )
    if found := re.search(r"required_chars\. \d+ vs (\d+)", message):
        return (
            f"vocabulary_size must be at least {found[1]} to hold the sample's characters, got {vocabulary_size};"
            " or lower character_coverage"
        )
    if not report.sentences:
        return "the tokenizer's sample has no text"
    return f"SentencePiece could not train: {message.splitlines()[0]}"
