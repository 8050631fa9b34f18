"""C4 from WET files: which rules and rounds each stage has, as it was meant or bug for bug."""

from collections.abc import Collection
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from filters.bad_words import BadWords
from filters.batch import Filter
from filters.c4_language import DetectsEnglish
from filters.c4_lines import C4Lines
from filters.c4_urls import InTrainSplit, intended_keys, published_keys
from filters.language import IdentifyLanguage
from filters.load_once import load_once
from filters.punkt_model import load_punkt_model
from filters.select import LanguageIs
from pipeline.errors import SettingError
from pipeline.models import LANGUAGE, Model, external_path
from pipeline.owned_lines import OwnedLineRounds
from pipeline.pages import PageRounds
from pipeline.quality import quality_filters
from pipeline.recipe import Recipe
from pipeline.run import Run, external_digest
from pipeline.storage import digest_of


def is_made(recipe: Recipe, source: str) -> bool:
    """Whether the source is C4 and made here, of WET files."""
    return source == "c4" and recipe.c4.form == "wet"


def page_rounds(recipe: Recipe) -> PageRounds:
    """Of pages with one address the newest stays; which addresses are one is C4's own rule."""
    keys = published_keys if recipe.c4.mode == "faithful" else intended_keys
    return PageRounds(partitions=recipe.pages.partitions, unique_url=True, keys=keys)


def line_rounds(recipe: Recipe) -> OwnedLineRounds:
    """Each line has one owner: among pages that stay; faithful: among all, and then some of them leave."""
    faithful = recipe.c4.mode == "faithful"
    return OwnedLineRounds(
        partitions=recipe.dedup.partitions,
        decisions=0 if faithful else OwnedLineRounds.DECISIONS,
        recounts=faithful,
        punkt_path=_local(recipe.c4.sentence_model),
        curly_quotes=not faithful,
    )


def line_filters(run: Run) -> tuple[Filter, ...]:
    """Stage `lines`: the rules about lines; intended: then those about whole pages, before a line finds its owner."""
    recipe = run.recipe
    faithful = recipe.c4.mode == "faithful"
    rules = C4Lines(punkt_path=_local(recipe.c4.sentence_model), strip_again=not faithful, curly_quotes=not faithful)
    return (rules, *(() if faithful else english_filters(run)))


def english_filters(run: Run) -> tuple[Filter, ...]:
    """English pages without bad words, less C4's validation pages; then the rules on quality."""
    recipe = run.recipe
    if recipe.c4.detector == "langdetect":
        found: list[Filter] = [DetectsEnglish()]
    else:
        model = IdentifyLanguage(model_path=LANGUAGE.path(run, "language.bin"))
        found = [model, LanguageIs(keep=("en",), min_score=recipe.language.min_score)]
    if recipe.c4.bad_words:
        words = _local(recipe.c4.bad_words)
        found.append(BadWords(words_path=words, blank_is_a_word=recipe.c4.mode == "faithful"))
    return (*found, InTrainSplit(), *quality_filters(recipe.quality))


def chain_settings(run: Run) -> list[Any]:
    """What all of C4's stages follow from, less the models of the run."""
    recipe = run.recipe
    files = [_digest(path) for path in (recipe.c4.sentence_model, recipe.c4.bad_words)]
    quality = recipe.quality.model_dump(mode="json")
    return [recipe.c4.model_dump(mode="json"), recipe.language.min_score, quality, files]


def chain_models(recipe: Recipe) -> tuple[Model, ...]:
    """The models of the run that C4 asks."""
    return (LANGUAGE,) if recipe.c4.asks_language_model else ()


def check_c4(recipe: Recipe, stages: Collection[str]) -> None:
    """Raise SettingError where a file or library that these stages of C4 need is not there, before any work."""
    settings = recipe.c4
    if settings.form != "wet" or "c4" not in recipe.sources or not {"lines", "dedup", "english"} & set(stages):
        return
    for key in ("sentence_model", "bad_words"):
        path = getattr(settings, key)
        if path and "://" not in path and not Path(path).exists():
            raise SettingError(f"c4.{key}: there is nothing at {path}")
    if settings.sentence_model:
        try:
            load_punkt_model(_local(settings.sentence_model))
        except ValueError as error:
            raise SettingError(f"c4.sentence_model: {error}") from error
    if settings.detector == "langdetect" and find_spec("langdetect") is None:
        asking = 'c4.language_detector = "langdetect"' if settings.language_detector else 'c4.mode = "faithful"'
        raise SettingError(f"{asking} needs a library that is not there: install tokenmill[langdetect]")


def _local(path: str) -> str:
    return external_path(path) if path else ""


def _digest(path: str) -> str:
    """Digest of a file, or of the files of a folder; empty for no path."""
    if not path:
        return ""
    if "://" in path or not Path(path).is_dir():
        return load_once(external_digest, path)
    return digest_of({file.name: external_digest(str(file)) for file in sorted(Path(path).iterdir()) if file.is_file()})
