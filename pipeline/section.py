"""What every table of a recipe is made of."""

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
