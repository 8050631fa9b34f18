"""Short articles in the languages of the demo, put together from `sentences.toml`."""

import functools
import tomllib
from collections.abc import Mapping
from importlib import resources
from random import Random

_SYLLABLES = (
    "ba be bo da do el fa ga gor ha is ka ko la len lo ma mi mo na ne or pa ra ri ro sa se sil ta to va ve vi za"
).split()


@functools.cache
def sentences() -> Mapping[str, tuple[str, ...]]:
    """Sentences with blanks to fill in, by language."""
    text = resources.files("pipeline.demo").joinpath("sentences.toml").read_text("utf-8")
    return {language: tuple(lines) for language, lines in tomllib.loads(text).items()}


def invented_name(rng: Random) -> str:
    """A name that no place or person need have."""
    return "".join(rng.choice(_SYLLABLES) for _ in range(rng.randint(2, 4))).capitalize()


def paragraph(language: str, rng: Random, count: int) -> str:
    """`count` sentences about a place that does not exist."""
    chosen = rng.sample(sentences()[language], count)
    gap = "" if language == "ja" else " "
    return gap.join(_fill(sentence, rng) for sentence in chosen)


def article(language: str, rng: Random, count: int) -> list[str]:
    """`count` paragraphs of two to four sentences."""
    return [paragraph(language, rng, rng.randint(2, 4)) for _ in range(count)]


def _fill(sentence: str, rng: Random) -> str:
    return sentence.format(
        place=invented_name(rng),
        river=invented_name(rng),
        person=f"{invented_name(rng)} {invented_name(rng)}",
        year=rng.randint(1100, 1990),
        number=rng.randint(200, 90_000),
    )
