"""What becomes of documents after they are cleaned: duplicates, language, perplexity, reference, quality."""

import re
from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from pipeline.section import SOURCES, Count, Fraction, Positive, Section, Texts
from pipeline.spelling import nearest_name

_SET_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")


class Pages(Section):
    """Whole pages of CommonCrawl, before any line is looked at: of which others they are copies."""

    partitions: Positive = 16
    unique_url: bool = False
    unique_text: bool = False
    earlier: Texts = ()
    write_keys: bool = False

    @model_validator(mode="after")
    def _keys_are_of_something(self) -> Self:
        if (self.earlier or self.write_keys) and not (self.unique_url or self.unique_text):
            raise ValueError("earlier and write_keys need unique_url or unique_text to be true")
        return self


class Dedup(Section):
    """What counts as a duplicate, and how widely it is looked for."""

    partitions: Positive = 16
    block_files: Positive = 2000
    min_chars_after: Count = 0
    earlier: Texts = ()
    write_keys: bool = False


class NearDedup(Section):
    """Documents that nearly repeat one that stays: of which sources they go, and what overlap counts.

    Of sources under `contained` a document goes as well that stands within a longer one. A source that loses more of
    its documents, or of their bytes, than `max_lost_fraction` says (half, where it says nothing) ends the run.
    """

    sources: Texts = ("books",)
    contained: Texts = ("books",)
    max_jaccard: Fraction = 0.8
    max_containment: Fraction = 0.9
    shingle_words: Positive = 5
    permutations: Annotated[int, Field(ge=2, le=4096)] = 128
    shingle_sample: Positive = 64
    partitions: Positive = 16
    max_lost_fraction: Mapping[str, Fraction] = Field(default_factory=lambda: dict.fromkeys(SOURCES, 0.5))
    audit_pairs: Positive = 50

    @model_validator(mode="after")
    def _sources_are_known(self) -> Self:
        for key in ("sources", "contained", "max_lost_fraction"):
            for name in getattr(self, key):
                if name not in SOURCES:
                    raise ValueError(f"{key}: {name} is no source{nearest_name(name, SOURCES)}")
        return self

    def most_lost(self, source: str) -> float:
        """The share of a source that may go."""
        return self.max_lost_fraction.get(source, 0.5)


class Decontaminate(Section):
    """Documents that hold text of evaluation sets: JSON lines by path, under names; without a set, none.

    `fields` says of a set which fields are read; all strings, where it says nothing. A document is contaminated by a
    field's text if it holds at least `min_fraction` of its n-grams, one in any case. A text of fewer than `ngram_words`
    words is matched whole, of fewer than `min_words` not at all; n-grams of more than `max_passages` texts of a set are
    its template.
    """

    sets: Mapping[str, str] = Field(default_factory=dict)
    fields: Mapping[str, Texts] = Field(default_factory=dict)
    ngram_words: Annotated[int, Field(ge=2, le=64)] = 13
    min_words: Positive = 8
    min_fraction: Fraction = 0.0
    max_passages: Annotated[int, Field(ge=1, le=1000)] = 10
    max_ngrams: Positive = 4_000_000
    action: Literal["drop", "mark"] = "drop"

    @model_validator(mode="after")
    def _sets_are_named(self) -> Self:
        for name in self.sets:
            if not _SET_NAME.fullmatch(name):
                raise ValueError(f"sets: a name has letters, digits, '_' and '-' alone, got {name!r}")
        for name in self.fields:
            if name not in self.sets:
                raise ValueError(f"fields: {name} is no set{nearest_name(name, self.sets)}")
        if self.min_words > self.ngram_words:
            raise ValueError(f"min_words must be at most ngram_words = {self.ngram_words}, got {self.min_words}")
        return self


class Language(Section):
    """fastText language identification; without a model, one is trained on so many bytes of each Wikipedia."""

    model: str = ""
    keep: Texts = ("en",)
    min_score: Fraction = 0.5
    max_text_bytes: Positive = 4 << 20


class LanguageModel(Section):
    """The 5-gram model behind perplexity: two paths, or trained from Wikipedia; `binary` adds KenLM's own format."""

    arpa: str = ""
    pieces: str = ""
    language: str = "en"
    order: Annotated[int, Field(ge=2, le=6)] = 5
    vocabulary_size: Annotated[int, Field(ge=300)] = 65536
    max_documents: Positive = 1_000_000
    max_text_bytes: Positive = 4 << 30
    max_pieces_text_bytes: Positive = 64 << 20
    memory_bytes: Annotated[int, Field(ge=1 << 24)] = 1 << 30
    binary: bool = False

    @model_validator(mode="after")
    def _paths_are_set_together(self) -> Self:
        if bool(self.arpa) != bool(self.pieces):
            raise ValueError("arpa and pieces are set together or not at all")
        if self.binary and self.arpa:
            raise ValueError("binary must be false where arpa is set, which may name a binary file, got true")
        return self


class Perplexity(Section):
    """Which perplexity buckets stay; cut-offs are percentiles of a seeded sample, or CCNet's with its own models."""

    head_percentile: Annotated[float, Field(gt=0, lt=100)] = 30.0
    middle_percentile: Annotated[float, Field(gt=0, lt=100)] = 60.0
    head_cutoff: Annotated[float, Field(ge=0)] = 0.0
    middle_cutoff: Annotated[float, Field(ge=0)] = 0.0
    cutoffs: Literal["percentiles", "ccnet"] = "percentiles"
    max_documents: Positive = 1_000_000
    keep: tuple[Literal["head", "middle", "tail"], ...] = ("head", "middle")

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.head_percentile >= self.middle_percentile:
            raise ValueError(
                f"head_percentile must be below middle_percentile {self.middle_percentile}, got {self.head_percentile}"
            )
        if bool(self.head_cutoff) != bool(self.middle_cutoff):
            raise ValueError("head_cutoff and middle_cutoff are set together or not at all")
        if self.head_cutoff and self.cutoffs == "ccnet":
            raise ValueError('cutoffs must be "percentiles" where head_cutoff is set, got "ccnet"')
        return self


class Reference(Section):
    """The linear classifier "cited by Wikipedia" against random pages; few pages are gone through more often."""

    model: str = ""
    positives: Literal["cited", "articles"] = "cited"
    min_chars: Count = 1000
    max_documents: Positive = 300_000
    min_score: Fraction = 0.25
    token_budget: Count = 0
    bytes_per_token: Annotated[float, Field(gt=0)] = 3.87
    dimension: Positive = 100
    epochs: Positive = 5


class Quality(Section):
    """Rules of later corpora about web pages, off in LLaMA-1: Gopher's (quality and repetition) and FineWeb's own."""

    gopher: bool = False
    fineweb: bool = False
