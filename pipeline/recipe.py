"""The recipe: the whole run as frozen, typed classes. `pipeline/recipe_file.py` reads them from TOML.

Defaults are LLaMA-1's where the paper gives a number; an open choice of the paper is a key of its own.
"""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from mixtures.mixture import Ratios
from pipeline.mixture_section import Mixture
from pipeline.section import Count, Fraction, Positive, Section, Texts
from pipeline.source_sections import C4, ArXiv, Books, CommonCrawl, GitHub, StackExchange, Wikipedia
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


class Trainer(Section):
    """A LLaMA model and its optimiser (LLaMA sections 2.2 and 2.3, Table 2)."""

    dimension: Positive = 4096
    layers: Positive = 32
    heads: Positive = 32
    feed_forward_multiple: Positive = 256
    initial_std: Annotated[float, Field(gt=0)] = 0.02
    steps: Positive = 250_000
    batch_sequences: Positive = 2048
    micro_batch_sequences: Count = 0
    learning_rate: Annotated[float, Field(gt=0)] = 3.0e-4
    min_learning_rate_fraction: Fraction = 0.1
    warmup_steps: Count = 2000
    weight_decay: Annotated[float, Field(ge=0)] = 0.1
    beta1: Annotated[float, Field(ge=0, lt=1)] = 0.9
    beta2: Annotated[float, Field(ge=0, lt=1)] = 0.95
    adam_epsilon: Annotated[float, Field(gt=0)] = 1.0e-8
    max_gradient_norm: Annotated[float, Field(gt=0)] = 1.0
    norm_epsilon: Annotated[float, Field(gt=0)] = 1.0e-6
    rope_base: Annotated[float, Field(gt=0)] = 10000.0
    z_loss: Annotated[float, Field(ge=0)] = 0.0
    skip_sigma: Annotated[float, Field(ge=0)] = 6.0
    document_mask: bool = False
    precision: Literal["float32", "bfloat16", "float8"] = "bfloat16"
    activations: Literal["auto", "keep-linear", "full", "none"] = "auto"
    compile: Literal["auto", "on", "off"] = "auto"
    deterministic: bool = False
    tensor_parallel: Positive = 1
    replicas: Positive = 1
    checkpoint_steps: Positive = 1000
    keep_checkpoints: Positive = 3
    keep_every_steps: Count = 0
    evaluation_steps: Count = 1000
    evaluation_documents: Positive = 64
    threads: Count = 0
    device: Literal["auto", "cpu", "cuda"] = "auto"

    @model_validator(mode="after")
    def _shape_and_schedule(self) -> Self:
        if self.dimension % (2 * self.heads):
            raise ValueError(f"dimension must be a multiple of twice heads = {self.heads}, got {self.dimension}")
        feed_forward = -(-(2 * (4 * self.dimension) // 3) // self.feed_forward_multiple) * self.feed_forward_multiple
        for name, whole in (("heads", self.heads), ("feed_forward", feed_forward), ("dimension", self.dimension)):
            if whole % self.tensor_parallel:
                raise ValueError(f"tensor_parallel must divide {name} = {whole}, got {self.tensor_parallel}")
        if self.warmup_steps > self.steps:
            raise ValueError(f"warmup_steps must be at most steps = {self.steps}, got {self.warmup_steps}")
        return self


class Limits(Section):
    """Past these the run ends with exit code 1; what it made stays."""

    max_failed_fraction: Fraction = 0.01


class Rejected(Section):
    """Rejected documents are kept to look at; their counts are kept always."""

    keep: bool = True


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
    def phases(self) -> tuple[Ratios, ...]:
        """The phases of the stream: the mixture, then each change of it."""
        return self.mixture.phases(self.trainer.batch_sequences)

    @model_validator(mode="after")
    def _changes_lie_in_the_stream(self) -> Self:
        self.mixture.phases(self.trainer.batch_sequences)
        return self
