"""How each source is read and cleaned: a table of the recipe for each of the seven."""

from typing import Literal

from pipeline.section import WIKIPEDIA_LANGUAGES, Count, Fraction, Mode, Positive, Section, Texts


class CommonCrawl(Section):
    """CommonCrawl text (WET) through CCNet's steps (LLaMA section 2.1; Wenzek et al. 2019)."""

    mode: Mode = "intended"
    dumps: Texts = ()
    min_chars: Count = 300
    title_line: Literal["title", "text"] = "title"
    max_record_bytes: Positive = 64 << 20


class C4(Section):
    """C4 as published, or made from WET files (Raffel et al. 2020)."""

    mode: Mode = "intended"
    form: Literal["published", "wet"] = "published"
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

    mode: Mode = "intended"
    licenses: Texts = ("MIT", "BSD-2-Clause", "BSD-3-Clause", "Apache-2.0")
    keep_vendored: bool = False
    keep_generated: bool = False
    redact_secrets: bool = True
    max_line_chars: Positive = 1000
    max_mean_line_chars: Positive = 100
    min_alphanumeric_fraction: Fraction = 0.25
    max_number_fraction: Fraction = 0.5
    max_encoded_fraction: Fraction = 0.5
    max_file_bytes: Positive = 1 << 20
    extensions: Texts = tuple(
        "asm bat cmd c h cs cpp hpp c++ h++ cc hh C H cmake css dockerfile f90 f f03 f08 f77 f95 for fpp go hs"
        " html java js jl lua md markdown php php3 php4 php5 phps phpt pl pm pod perl ps1 psd1 psm1 py rb rs sql scala"
        " sh bash command zsh ts tsx tex vb xml rst m smali".split()
    )
    file_names: Texts = ("Dockerfile", "Makefile")


class Wikipedia(Section):
    """Wikipedia dumps of twenty languages in Latin or Cyrillic script."""

    mode: Mode = "intended"
    languages: Texts = WIKIPEDIA_LANGUAGES
    max_page_bytes: Positive = 8 << 20
    part_bytes: Positive = 128 << 20


class Books(Section):
    """Project Gutenberg texts, and books in EPUB, TEI and HTML."""

    mode: Mode = "intended"
    licenses: Texts = ("Public domain in the USA", "Public domain", "CC0-1.0")
    keep_unknown_license: bool = True
    min_chars: Count = 1000
    max_book_bytes: Positive = 64 << 20


class ArXiv(Section):
    """LaTeX sources of arXiv's bulk archive."""

    mode: Mode = "intended"
    abstract: bool = False
    max_paper_bytes: Positive = 64 << 20
    max_expansion: Positive = 10
    max_chars: Count = 0


class StackExchange(Section):
    """Question and answer sites: the largest by number of posts."""

    mode: Mode = "intended"
    sites: Positive = 28
    question_prefix: str = "Q: "
    answer_prefix: str = "A: "
    keep_unanswered: bool = True
    max_post_bytes: Positive = 2 << 20
    max_thread_bytes: Positive = 64 << 20
    max_archive_bytes: Positive = 1 << 40
    part_bytes: Positive = 512 << 20
