"""The recipe: the whole run as frozen, typed classes. `pipeline/recipe_file.py` reads them from TOML.

Defaults are LLaMA-1's where the paper gives a number; an open choice of the paper is a key of its own.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Self

from pydantic import Field, model_validator

from pipeline.mixture_section import Mixture
from pipeline.section import Count, Fraction, Positive, Section, Texts
from pipeline.source_sections import C4, ArXiv, Books, CommonCrawl, GitHub, StackExchange, Wikipedia
from pipeline.trainer_section import Trainer
from pipeline.web_sections import (
    Decontaminate,
    Dedup,
    Language,
    LanguageModel,
    NearDedup,
    Pages,
    Perplexity,
    Quality,
    Reference,
)

if TYPE_CHECKING:
    from mixtures.mixture import Ratios

PUBLISHED_C4 = ("c4/**/*.json.gz",)


class Inputs(Section):
    """Where the raw dumps lie: glob patterns below `root`, a folder or an fsspec address."""

    root: str = "dumps"
    commoncrawl: Texts = ("commoncrawl/**/*.wet.gz", "commoncrawl/**/*.wet")
    c4: Texts = ()  # Empty: `c4/**/*.json.gz`, or CommonCrawl's files where C4 is made of them.
    github: Texts = tuple(f"github/**/*.{ending}" for ending in "tar.gz tgz zip jsonl.gz json.gz parquet".split())
    wikipedia: Texts = ("wikipedia/**/*.xml*.bz2", "wikipedia/**/*.xml")  # parts are `….xml-p1p41242.bz2`
    books: Texts = ("books/**/*.txt", "books/**/*.zip", "books/**/*.epub", "books/**/*.xml", "books/**/*.htm*")
    arxiv: Texts = ("arxiv/**/*.tar",)
    stackexchange: Texts = ("stackexchange/**/*.7z", "stackexchange/**/Posts.xml")


class Tokenizer(Section):
    """SentencePiece BPE with the settings stored in the released LLaMA tokenizer."""

    model: str = ""
    vocabulary_size: Annotated[int, Field(ge=300, le=1 << 20)] = 32000
    character_coverage: Annotated[float, Field(gt=0.9, le=1.0)] = 0.99995
    max_sentence_bytes: Positive = 4192
    sample_bytes: Positive = 3 << 30  # SentencePiece takes nine times as much memory.
    sample_sentences: Annotated[int, Field(gt=100)] = 200_000_000


class Tokens(Section):
    """Source shards: documents as `BOS ids EOS`.

    `held_out_fraction` of each source's documents, drawn by their ids, stay out of them: models are measured by those.
    """

    shard_bytes: Annotated[int, Field(ge=4096)] = 1 << 30
    held_out_fraction: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.0


class Limits(Section):
    """Past these the run ends with exit code 1; what it made stays."""

    max_failed_fraction: Fraction = 0.01


class Rejected(Section):
    """Rejected documents are kept to look at; their counts are kept always."""

    keep: bool = True


Price = Annotated[float, Field(ge=0.0)]


class Prices(Section):
    """What things cost, in a currency of yours, for `tokenmill plan`; at 0 they are not counted."""

    vcpu_hour: Price = 0.0
    memory_gb_hour: Price = 0.0
    shuffle_gb: Price = 0.0
    storage_gb_month: Price = 0.0
    thousand_requests: Price = 0.0


class Recipe(Section):
    """The whole run."""

    name: Annotated[str, Field(min_length=1)]
    seed: Count = 0
    inputs: Inputs = Inputs()
    commoncrawl: CommonCrawl = CommonCrawl()
    pages: Pages = Pages()
    dedup: Dedup = Dedup()
    near_dedup: NearDedup = NearDedup()
    decontaminate: Decontaminate = Decontaminate()
    language: Language = Language()
    language_model: LanguageModel = LanguageModel()
    perplexity: Perplexity = Perplexity()
    reference: Reference = Reference()
    quality: Quality = Quality()
    c4: C4 = C4()
    github: GitHub = GitHub()
    wikipedia: Wikipedia = Wikipedia()
    books: Books = Books()
    arxiv: ArXiv = ArXiv()
    stackexchange: StackExchange = StackExchange()
    tokenizer: Tokenizer = Tokenizer()
    tokens: Tokens = Tokens()
    mixture: Mixture = Mixture()
    trainer: Trainer = Trainer()
    limits: Limits = Limits()
    rejected: Rejected = Rejected()
    prices: Prices = Prices()

    def patterns(self, source: str) -> Texts:
        """The patterns of the source's raw files."""
        if source == "c4" and not self.inputs.c4:
            return self.inputs.commoncrawl if self.c4.form == "wet" else PUBLISHED_C4
        found: Texts = getattr(self.inputs, source)
        return found

    @property
    def sources(self) -> tuple[str, ...]:
        """The sources that the mixture has at any step, in the paper's order."""
        return self.mixture.sources

    @property
    def phases(self) -> "tuple[Ratios, ...]":
        """The phases of the stream: the mixture, then each change of it."""
        return self.mixture.phases(self.trainer.batch_sequences)

    @property
    def asked_shares(self) -> dict[str, float]:
        """Each source's share of the stream's tokens, over all changes of the mixture."""
        from mixtures.mixture import asked_shares  # It loads NumPy; TAB asks for the keys alone.

        phases = self.phases
        found = asked_shares(
            ((phase.until or phase.sequences) * phase.sequence_tokens, phase.weights) for phase in phases
        )
        return {source: found[source] for source in self.sources}

    @model_validator(mode="after")
    def _changes_lie_in_the_stream(self) -> Self:
        self.mixture.phases(self.trainer.batch_sequences)
        return self


def recipe_keys() -> Iterator[str]:
    """All keys that can be set, as `section.key`."""
    for name, field in Recipe.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, Section):
            yield from (f"{name}.{key}" for key in field.annotation.model_fields)
        else:
            yield name
