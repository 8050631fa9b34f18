"""Expands a paper's own macros in place, within bounds that no macro can pass."""

from dataclasses import dataclass
from typing import ClassVar

import pyarrow as pa

from filters.batch import FilterResult, reasons, texts, with_column
from filters.tex_expander import expand_macros


@dataclass(frozen=True, slots=True, kw_only=True)
class TexMacros:
    r"""Expands what the authors define: `\newcommand` and its kin, `\def`, `\let`, `\DeclareMathOperator`.

    Text is read in order as TeX reads it: a definition counts from where it stands to the end of its group and is
    taken out, a redefinition replaces it, an expansion is read again, blanks after a control word go, `\xspace` is
    obeyed. Left as they stand and counted: macros with conditionals, `\csname` or `@` inside, calls without their
    arguments, and a call that would write more than `max_expansion` times its own length (plus 20,000 characters); its
    macro is not tried again. Sectioning commands are never expanded, nor are environments: their names say what they
    are for.

    Source: LLaMA, section 2.1 ("inline-expanded definitions and macros written by users").
    Differs: RedPajama's arxiv_cleaner.py takes one-line definitions without arguments and makes one pass in the
    dictionary's order, so that nested macros stay.
    Reads text. Rewrites text. Rejects: nothing. Counts: macros_expanded, macros_unexpanded, definitions_removed.
    """

    name: ClassVar[str] = "tex_macros"
    reasons: ClassVar[tuple[str, ...]] = ()
    max_expansion: int = 10

    def __post_init__(self) -> None:
        if self.max_expansion < 1:
            raise ValueError(f"max_expansion must be at least 1, got {self.max_expansion}")

    def apply(self, batch: pa.RecordBatch) -> FilterResult:
        """Same rows in the same order; `reason` is null: no document is rejected here."""
        expanded = [expand_macros(text, max_expansion=self.max_expansion) for text in texts(batch)]
        counts = {
            "macros_expanded": sum(result.expanded for result in expanded),
            "macros_unexpanded": sum(result.unexpanded for result in expanded),
            "definitions_removed": sum(result.definitions for result in expanded),
        }
        batch = with_column(batch, "text", [result.text for result in expanded])
        return FilterResult(batch, reasons([None] * batch.num_rows), counts)
