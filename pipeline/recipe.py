"""The recipe: the whole run as frozen, typed classes. `pipeline/recipe_file.py` reads them from TOML.

Defaults are LLaMA-1's where the paper gives a number; an open choice of the paper is a key of its own.
"""

import difflib
import math
from collections.abc import Iterable, Mapping
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

SOURCES = ("commoncrawl", "c4", "github", "wikipedia", "books", "arxiv", "stackexchange")
WIKIPEDIA_LANGUAGES = tuple("bg ca cs da de en es fr hr hu it nl pl pt ro ru sl sr sv uk".split())

PUBLISHED_C4 = ("c4/**/*.json.gz",)

Mode = Literal["intended", "faithful"]
"""Each rule as it was meant, or bug for bug as in the code that it comes from."""
Fraction = Annotated[float, Field(ge=0.0, le=1.0)]
Positive = Annotated[int, Field(ge=1)]
Count = Annotated[int, Field(ge=0)]
Texts = tuple[str, ...]


class Section(BaseModel):
    """A table of the recipe: an unknown key is refused, nothing changes after parsing."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Inputs(Section):
    """Where the raw dumps lie: glob patterns below `root`, a folder or an fsspec address."""

    root: str = "dumps"
    commoncrawl: Texts = ("commoncrawl/**/*.wet.gz", "commoncrawl/**/*.wet")
    c4: Texts = ()  # Empty: `c4/**/*.json.gz`, or CommonCrawl's files where C4 is made of them.
    github: Texts = tuple(f"github/**/*.{ending}" for ending in "tar.gz tgz zip jsonl.gz json.gz parquet".split())
    wikipedia: Texts = ("wikipedia/**/*.xml*.bz2", "wikipedia/**/*.xml")  # parts are `….xml-p1p41242.bz2`
    books: Texts = ("books/**/*.txt", "books/**/*.zip")
    arxiv: Texts = ("arxiv/**/*.tar",)
    stackexchange: Texts = ("stackexchange/**/*.7z", "stackexchange/**/Posts.xml")


class CommonCrawl(Section):
    """CommonCrawl text (WET) through CCNet's steps (LLaMA section 2.1; Wenzek et al. 2019)."""

    mode: Mode = "intended"
    dumps: Texts = ()
    min_chars: Count = 300
    title_line: Literal["title", "text"] = "title"
    max_record_bytes: Positive = 64 << 20


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
    max_overlap: Fraction = 0.9
    shingle_words: Positive = 9
    shingle_sample: Positive = 64


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
    """Which perplexity buckets stay; cut-offs are percentiles of a seeded sample, or CCNet's with CCNet's own models."""

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


class C4(Section):
    """C4 as published, or made from WET files (Raffel et al. 2020)."""

    mode: Mode = "intended"
    form: Literal["published", "wet"] = "published"
    variant: str = "en"
    max_line_bytes: Positive = 16 << 20
    max_record_bytes: Positive = 64 << 20
    max_chars: Positive = 190_000
    sentence_model: str = ""
    bad_words: str = ""
    language_detector: Literal["", "fasttext", "langdetect"] = ""

    @property
    def detector(self) -> str:
        """What tells whether a page is English; where the recipe does not say, what the mode has."""
        return self.language_detector or ("langdetect" if self.mode == "faithful" else "fasttext")

    @property
    def asks_language_model(self) -> bool:
        """Whether C4 is made here, with the run's own language model."""
        return self.form == "wet" and self.detector == "fasttext"


class GitHub(Section):
    """Public code under permissive licences (LLaMA section 2.1; thresholds: RedPajama, after The Stack)."""

    licenses: Texts = ("MIT", "BSD-2-Clause", "BSD-3-Clause", "Apache-2.0")
    max_line_chars: Positive = 1000
    max_mean_line_chars: Positive = 100
    min_alphanumeric_fraction: Fraction = 0.25
    max_file_bytes: Positive = 1 << 20
    extensions: Texts = tuple(
        "asm bat cmd c h cs cpp hpp c++ h++ cc hh C H cmake css dockerfile f90 f f03 f08 f77 f95 for fpp go hs"
        " html java js jl lua md markdown php php3 php4 php5 phps phpt pl pm pod perl ps1 psd1 psm1 py rb rs sql scala"
        " sh bash command zsh ts tsx tex vb xml rst m smali".split()
    )
    file_names: Texts = ("Dockerfile", "Makefile")


class Wikipedia(Section):
    """Wikipedia dumps of twenty languages in Latin or Cyrillic script."""

    languages: Texts = WIKIPEDIA_LANGUAGES
    max_page_bytes: Positive = 8 << 20


class Books(Section):
    """Project Gutenberg texts."""

    min_chars: Count = 1000
    max_book_bytes: Positive = 64 << 20


class ArXiv(Section):
    """LaTeX sources of arXiv's bulk archive."""

    abstract: bool = False
    max_paper_bytes: Positive = 64 << 20
    max_expansion: Positive = 10
    file_order: Literal["input", "archive"] = "input"
    max_chars: Count = 0


class StackExchange(Section):
    """Question and answer sites: the largest by number of posts."""

    sites: Positive = 28
    question_prefix: str = "Q: "
    answer_prefix: str = "A: "
    keep_unanswered: bool = True
    max_post_bytes: Positive = 2 << 20
    max_thread_bytes: Positive = 64 << 20
    max_archive_bytes: Positive = 1 << 40


class Tokenizer(Section):
    """SentencePiece BPE with the settings stored in the released LLaMA tokenizer."""

    model: str = ""
    vocabulary_size: Annotated[int, Field(ge=300, le=1 << 20)] = 32000
    character_coverage: Annotated[float, Field(gt=0.9, le=1.0)] = 0.99995
    max_sentence_bytes: Positive = 4192
    sample_bytes: Positive = 10 << 30
    sample_sentences: Annotated[int, Field(gt=100)] = 200_000_000


class Tokens(Section):
    """Source shards: documents as `BOS ids EOS`."""

    shard_bytes: Annotated[int, Field(ge=4096)] = 1 << 30


class Mixture(Section):
    """How much of each source, and in what pieces: Table 1 of the paper."""

    total_tokens: Positive = 1_400_000_000_000
    sequence_tokens: Annotated[int, Field(ge=8)] = 2048
    shard_sequences: Positive = 16_384  # 64 MiB: one shard is one group of the engine's shuffle.
    weights: Mapping[str, float] = Field(
        default_factory=lambda: {
            "commoncrawl": 0.67,
            "c4": 0.15,
            "github": 0.045,
            "wikipedia": 0.045,
            "books": 0.045,
            "arxiv": 0.025,
            "stackexchange": 0.02,
        }
    )

    @model_validator(mode="after")
    def _weights_are_a_mixture(self) -> Self:
        for name, weight in self.weights.items():
            if name not in SOURCES:
                raise ValueError(f"weights.{name} is no source{nearest_name(name, SOURCES)}")
            if not 0 < weight <= 1:
                raise ValueError(f"weights.{name} must be above 0 and at most 1, got {weight}")
        total = math.fsum(self.weights.values())
        if abs(total - 1) > 1e-9:
            raise ValueError(f"weights must sum to 1, got {total:.6g}")
        return self


class Trainer(Section):
    """A LLaMA model and its optimiser (LLaMA sections 2.2 and 2.3, Table 2)."""

    dimension: Positive = 4096
    layers: Positive = 32
    heads: Positive = 32
    feed_forward_multiple: Positive = 256
    initial_std: Annotated[float, Field(gt=0)] = 0.02
    steps: Positive = 250_000
    batch_sequences: Positive = 2048
    micro_batch_sequences: Positive = 4
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
    precision: Literal["float32", "bfloat16"] = "bfloat16"
    checkpoint_steps: Positive = 1000
    keep_checkpoints: Positive = 3
    threads: Count = 0
    device: Literal["auto", "cpu", "cuda"] = "auto"

    @model_validator(mode="after")
    def _shape_and_schedule(self) -> Self:
        if self.dimension % (2 * self.heads):
            raise ValueError(f"dimension must be a multiple of twice heads = {self.heads}, got {self.dimension}")
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
        """The sources of the mixture, in the paper's order."""
        return tuple(source for source in SOURCES if source in self.mixture.weights)


def nearest_name(name: str, known: Iterable[str]) -> str:
    """A hint that names the nearest known name, or all of them."""
    known = tuple(known)
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    return f"; did you mean {near[0]}?" if near else f"; known: {', '.join(known)}"
