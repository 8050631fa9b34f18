"""The optional rules about quality, as the recipe's `[quality]` asks for them; LLaMA-1 has none of them."""

from filters.batch import Filter
from filters.fineweb import FineWebQuality
from filters.gopher import GopherQuality, GopherRepetition
from pipeline.web_sections import Quality


def quality_filters(settings: Quality) -> tuple[Filter, ...]:
    """Gopher's rules, then FineWeb's, where they are on."""
    gopher: tuple[Filter, ...] = (GopherRepetition(), GopherQuality()) if settings.gopher else ()
    return (*gopher, *((FineWebQuality(),) if settings.fineweb else ()))
