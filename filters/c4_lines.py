"""C4's rules about the lines of a page, and how many sentences they must have."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import ClassVar

import pyarrow as pa

from filters.batch import FilterResult, reasons, with_column
from filters.c4_line_loop import CURLY_BRACKET, LINE_VERDICTS, LOREM_IPSUM, clean_pages, decimal_digits
from filters.load_once import load_once
from filters.punkt import load_punkt
from tokenizer.kernels import text_array, text_buffers

MIN_SENTENCES = 3

_PAGE_VERDICTS = {LOREM_IPSUM: "loremipsum", CURLY_BRACKET: "squigglybracket"}
_STRAIGHT = str.maketrans("“”‘’", "\"\"''")
_digits = cache(decimal_digits)

CountSentences = Callable[[str], int]


@dataclass(frozen=True, slots=True, kw_only=True)
class C4Lines:
    """Keeps lines that read like prose, and pages with at least `min_sentences` sentences in them.

    A line goes, in this order: for a word of more than `max_word_chars` (`too_long_word`), without `.`, `?`, `!` or `"`
    at its end once citation marks have gone (`no_endmark`), with fewer than `min_words_per_line` words (`too_short`),
    for "lorem ipsum" (with its page), "javascript", `{` (with its page), terms of use and cookies (`policy`). Lines
    behind the one that takes the page are not counted. Sentences are Punkt's; without a model at `punkt_path` it knows
    no abbreviation.

    Source: Raffel et al. 2020, section 2.2; tensorflow/datasets c4_utils.py, `clean_page`, whose names the counts bear.
    Differs: as the code, and not the paper, has it: three sentences, five words. A line is stripped again when
    citations have gone (`strip_again=False`: "It ended. [1]" has no end mark). A closing curly quote ends a line as a
    straight one does, and is read as one by Punkt (`curly_quotes=False`: it is any other letter).
    Reads text. Rewrites text. Rejects: loremipsum, squigglybracket, too_few_sentences.
    Counts: passed, too_long_word, no_endmark, too_short, javascript, policy (lines).
    """

    name: ClassVar[str] = "c4_lines"
    reasons: ClassVar[tuple[str, ...]] = ("loremipsum", "squigglybracket", "too_few_sentences")
    punkt_path: str = ""
    min_sentences: int = MIN_SENTENCES
    min_words_per_line: int = 5
    max_word_chars: int = 1000
    strip_again: bool = True
    curly_quotes: bool = True

    def __post_init__(self) -> None:
        for name in ("min_sentences", "min_words_per_line", "max_word_chars"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")

    def apply(self, batch: pa.RecordBatch) -> FilterResult:
        """Same rows in the same order; `reason` is null where the document is kept."""
        values, offsets, pages, lines = clean_pages(
            *text_buffers(batch.column("text")),
            _digits(),
            self.min_words_per_line,
            self.max_word_chars,
            self.strip_again,
            self.curly_quotes,
        )
        text = text_array(values, offsets)
        verdicts = [
            _PAGE_VERDICTS[page] if page else None if self._has_sentences(kept) else "too_few_sentences"
            for page, kept in zip(pages.tolist(), text.to_pylist(), strict=True)
        ]
        counts = dict(zip(LINE_VERDICTS, lines.tolist(), strict=True))
        return FilterResult(with_column(batch, "text", text), reasons(verdicts), counts)

    def _has_sentences(self, text: str) -> bool:
        """Whether the lines have enough sentences; each has one at the least, so that many lines need no look."""
        lines = text.split("\n") if text else []
        if len(lines) >= self.min_sentences:
            return True
        count = sentence_counter(self.punkt_path, most=self.min_sentences, curly_quotes=self.curly_quotes)
        return sum(map(count, lines)) >= self.min_sentences


def sentence_counter(punkt_path: str, *, most: int, curly_quotes: bool) -> CountSentences:
    """A function that counts a text's sentences, up to `most`; curly quotes are read as straight ones if so wanted."""
    punkt = load_once(load_punkt, punkt_path)
    if curly_quotes:
        return lambda text: punkt.count(text.translate(_STRAIGHT), most)
    return lambda text: punkt.count(text, most)
