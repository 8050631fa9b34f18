"""The group stages: how the units of a source are judged together, and what each unit's verdict follows from."""

from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.context import Run
from pipeline.corpora.registry import document_stages
from pipeline.dedup import ExactRounds, ParagraphRounds, Rounds
from pipeline.overlap import OverlapRounds
from pipeline.pages import PageRounds
from pipeline.stages import kept_before, kept_by
from pipeline.storage import digest_of
from pipeline.units import Unit

PAGES, DEDUP = "pages", "dedup"
GROUP_STAGES = (PAGES, DEDUP)


def group_rounds(run: Run, stage: str, source: str) -> Rounds:
    """How a source is judged: pages by address and text; CommonCrawl by paragraph, books by overlap, others whole."""
    if stage == PAGES:
        settings = run.recipe.pages
        return PageRounds(
            partitions=settings.partitions,
            unique_url=settings.unique_url,
            unique_text=settings.unique_text,
            marks_cited="wikipedia" in run.recipe.sources,
        )
    dedup = run.recipe.dedup
    if source == "commoncrawl":
        return ParagraphRounds(
            block_files=dedup.block_files, partitions=dedup.partitions, min_chars_after=dedup.min_chars_after
        )
    if source == "books":
        return OverlapRounds(
            max_overlap=dedup.max_overlap,
            shingle_words=dedup.shingle_words,
            shingle_sample=dedup.shingle_sample,
            partitions=dedup.partitions,
        )
    return ExactRounds(partitions=dedup.partitions)


def witnesses(run: Run, stage: str, source: str) -> list[Unit]:
    """Units of other sources that are sketched as well, and to which no verdict is applied.

    Wikipedia says which pages of CommonCrawl it cites.
    """
    if (stage, source) == (PAGES, "commoncrawl") and "wikipedia" in run.recipe.sources:
        return run.units("wikipedia")
    return []


def documents_of(run: Run, stage: str, source: str, unit: Unit) -> tuple[str, Mapping[str, str]]:
    """The documents of a unit that the stage of `source` sketches, and their digest by name."""
    if unit.source == source:
        return kept_before(run, stage, unit)
    return kept_by(run, document_stages(run.recipe, unit.source)[-1], unit)


def group_settings(run: Run, stage: str) -> dict[str, Any]:
    """The settings that a verdict follows from."""
    section = run.recipe.pages if stage == PAGES else run.recipe.dedup
    return section.model_dump(mode="json")


def verdict_key(run: Run, stage: str, unit: Unit, group: str) -> tuple[str, dict[str, str]]:
    """The key of a unit's done record at a group stage, and its inputs; `group` stands for all it is judged with."""
    inputs = kept_before(run, stage, unit)[1] | {"group": group}
    settings = [run.recipe.rejected.keep, group_settings(run, stage)]
    return run.key(stage, unit.source, unit.name, settings, inputs), inputs


def group_digests(run: Run, stage: str, source: str, units: Sequence[Unit], others: Sequence[Unit]) -> list[str]:
    """For each unit a digest of all documents that it is judged with: its block's, or the whole source's."""
    blocks_of = run.recipe.dedup.block_files if (stage, source) == (DEDUP, "commoncrawl") else max(1, len(units))
    seen_by_all = [list(documents_of(run, stage, source, unit)[1].values()) for unit in others]
    digests = [list(kept_before(run, stage, unit)[1].values()) for unit in units]
    blocks = [digest_of(digests[start : start + blocks_of] + seen_by_all) for start in range(0, len(units), blocks_of)]
    return [blocks[index // blocks_of] for index in range(len(units))]
