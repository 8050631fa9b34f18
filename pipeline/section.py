"""What every table of a recipe is made of."""

import difflib
from collections.abc import Iterable
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

SOURCES = ("commoncrawl", "c4", "github", "wikipedia", "books", "arxiv", "stackexchange")
WIKIPEDIA_LANGUAGES = tuple("bg ca cs da de en es fr hr hu it nl pl pt ro ru sl sr sv uk".split())

Mode = Literal["intended", "faithful"]
"""Each rule as it was meant, or bug for bug as in the code that it comes from."""
Fraction = Annotated[float, Field(ge=0.0, le=1.0)]
Positive = Annotated[int, Field(ge=1)]
Count = Annotated[int, Field(ge=0)]
Texts = tuple[str, ...]


class Section(BaseModel):
    """A table of the recipe: an unknown key is refused, nothing changes after parsing."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


def nearest_name(name: str, known: Iterable[str]) -> str:
    """A hint that names the nearest known name, or all of them."""
    known = tuple(known)
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    return f"; did you mean {near[0]}?" if near else f"; known: {', '.join(known)}"
