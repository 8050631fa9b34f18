"""The group stages: how the units of a source are judged together, and what each unit's verdict follows from."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from filters.load_once import load_once
from pipeline.alike_books import AlikeRounds
from pipeline.c4_chain import chain_settings, is_made, line_rounds, page_rounds
from pipeline.corpora.registry import CORPORA
from pipeline.dedup import LINES, ExactRounds, ParagraphRounds
from pipeline.key_index import KEYS, KeyIndex, check_earlier, finish_index, index_digest
from pipeline.ledger import WHOLE_RUN, Tally
from pipeline.near_audit import audit_name, write_audit
from pipeline.near_candidates import BandKeys, SampledKeys
from pipeline.near_duplicates import NearRounds
from pipeline.pages import ADDRESSES, TEXTS, PageRounds
from pipeline.recipe import Recipe
from pipeline.rounds import Rounds
from pipeline.run import Run
from pipeline.stage_names import DEDUP, NEAR_DEDUP, PAGES
from pipeline.stages import kept_before, kept_by
from pipeline.storage import Folder, digest_of
from pipeline.units import Unit
from pipeline.web_sections import Dedup, NearDedup, Pages

GROUP_STAGES = (PAGES, DEDUP, NEAR_DEDUP)


def group_rounds(run: Run, stage: str, source: str, notes: Folder | None = None) -> Rounds:
    """How a source is judged: pages by address and text; CommonCrawl by paragraph, others whole; any source by overlap.

    C4 has rounds of its own where it is made of WET files. `notes` is where it is said which keys were written for
    later dumps, and what was compared.
    """
    if stage == NEAR_DEDUP:
        return near_rounds(run.recipe.near_dedup, source, notes)
    if is_made(run.recipe, source):
        return page_rounds(run.recipe) if stage == PAGES else line_rounds(run.recipe)
    if stage == PAGES:
        settings = run.recipe.pages
        return PageRounds(
            partitions=settings.partitions,
            unique_url=settings.unique_url,
            unique_text=settings.unique_text,
            marks_cited="wikipedia" in run.recipe.sources,
            addresses=_key_index(run, stage, source, ADDRESSES, notes),
            texts=_key_index(run, stage, source, TEXTS, notes),
        )
    dedup = run.recipe.dedup
    if source == "commoncrawl":
        faithful = run.recipe.commoncrawl.mode == "faithful"
        return ParagraphRounds(
            block_files=dedup.block_files,
            partitions=dedup.partitions,
            min_chars_after=dedup.min_chars_after,
            blank_lines_count=faithful,
            zero_key_is_removed=faithful,
            index=_key_index(run, stage, source, LINES, notes),
        )
    if source == "books":  # They have this stage in the faithful mode alone.
        return AlikeRounds(partitions=dedup.partitions)
    return ExactRounds(partitions=dedup.partitions)


def near_rounds(settings: NearDedup, source: str, notes: Folder | None = None) -> NearRounds:
    """How near-duplicates of a source are found: whole documents by MinHash, contained ones by a shared sample."""
    contained, words = source in settings.contained, settings.shingle_words
    bound = settings.max_containment if contained else settings.max_jaccard
    sampled = SampledKeys(containment=bound, shingle_words=words, sample=settings.shingle_sample)
    bands = BandKeys(similarity=bound, shingle_words=words, permutations=settings.permutations)
    return NearRounds(
        max_overlap=bound,
        contained=contained,
        shingle_words=words,
        partitions=settings.partitions,
        key_maker=sampled if contained else bands,
        notes=notes,
    )


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
    # What it has before its near-duplicates go, which is later: they cite as well.
    return kept_by(run, CORPORA[unit.source].stages(run.recipe)[-1], unit)


def _key_index(run: Run, stage: str, source: str, kind: str, notes: Folder | None) -> KeyIndex:
    settings = _section(run.recipe, stage)
    folder = index_folder(run, stage, source) if settings.write_keys else None
    return KeyIndex(kind=kind, earlier=settings.earlier, folder=folder, notes=notes)


def index_folder(run: Run, stage: str, source: str) -> Folder:
    """Where the keys of this dump are written for later ones."""
    return Folder(run.output.address(f"{KEYS}/{stage}/{source}"))


def index_kinds(recipe: Recipe, stage: str) -> list[str]:
    """The kinds of keys that a stage compares with earlier dumps, and writes for later ones."""
    if stage == PAGES:
        pages = recipe.pages
        return [kind for kind, wanted in ((ADDRESSES, pages.unique_url), (TEXTS, pages.unique_text)) if wanted]
    return [LINES]


def writes_keys(recipe: Recipe, stage: str, source: str) -> bool:
    """Whether the stage leaves a key index of the source behind."""
    return source == "commoncrawl" and stage in (PAGES, DEDUP) and _section(recipe, stage).write_keys


def check_indexes(recipe: Recipe, stages: Collection[str]) -> None:
    """Raise SettingError where an index of an earlier dump cannot be compared with, before any work."""
    for stage in (PAGES, DEDUP):
        if stage in stages:
            check_earlier(f"{stage}.earlier", _section(recipe, stage).earlier, index_kinds(recipe, stage))


def group_settings(run: Run, stage: str, source: str) -> list[Any]:
    """The settings that a verdict follows from, the source's mode and the earlier keys."""
    if stage == NEAR_DEDUP:
        near = run.recipe.near_dedup
        # What else the section says makes no other outcome: who is judged, by how many hands, and what is said of it.
        others = {"sources", "contained", "partitions", "max_lost_fraction", "audit_pairs"}
        return [near.model_dump(mode="json", exclude=others), source in near.contained]
    section = _section(run.recipe, stage)
    mode = getattr(getattr(run.recipe, source), "mode", None)
    earlier = [load_once(index_digest, address) for address in section.earlier]
    own = chain_settings(run) if is_made(run.recipe, source) else []
    return [section.model_dump(mode="json"), earlier, mode, *own]


def _section(recipe: Recipe, stage: str) -> Pages | Dedup:
    return recipe.pages if stage == PAGES else recipe.dedup


def verdict_key(run: Run, stage: str, unit: Unit, group: str) -> tuple[str, dict[str, str]]:
    """The key of a unit's done record at a group stage, and its inputs; `group` stands for all it is judged with."""
    inputs = kept_before(run, stage, unit)[1] | {"group": group}
    settings = [run.recipe.rejected.keep, group_settings(run, stage, unit.source)]
    return run.key(stage, unit.source, unit.name, settings, inputs), inputs


def group_digests(run: Run, stage: str, source: str, units: Sequence[Unit], others: Sequence[Unit]) -> list[str]:
    """For each unit a digest of all documents that it is judged with: its block's, or the whole source's."""
    blocks_of = run.recipe.dedup.block_files if (stage, source) == (DEDUP, "commoncrawl") else max(1, len(units))
    seen_by_all = [list(documents_of(run, stage, source, unit)[1].values()) for unit in others]
    digests = [list(kept_before(run, stage, unit)[1].values()) for unit in units]
    blocks = [digest_of(digests[start : start + blocks_of] + seen_by_all) for start in range(0, len(units), blocks_of)]
    return [blocks[index // blocks_of] for index in range(len(units))]


def left_behind(recipe: Recipe, stage: str, source: str) -> str | None:
    """The name of what a stage leaves behind of the source as a whole: an audit, an index of keys, or nothing."""
    if stage == NEAR_DEDUP:
        return audit_name(source)
    return f"{KEYS}-{source}" if writes_keys(recipe, stage, source) else None


def left_key(run: Run, stage: str, source: str, groups: Sequence[str]) -> str:
    """What is left behind of a source follows from all that was judged, and how."""
    settings = group_settings(run, stage, source)
    if stage == NEAR_DEDUP:
        settings.append(run.recipe.near_dedup.audit_pairs)
    name = left_behind(run.recipe, stage, source) or ""
    return run.key(stage, WHOLE_RUN, name, settings, {"groups": digest_of(list(groups))})


def left_is_current(run: Run, stage: str, source: str, key: str) -> bool:
    """Whether what the stage leaves behind, if anything, is there."""
    name = left_behind(run.recipe, stage, source)
    return name is None or run.current(stage, WHOLE_RUN, name, key) is not None


def record_left(run: Run, stage: str, source: str, key: str, notes: Folder) -> None:
    """Complete what the stage leaves behind, of what the notes say, and write its done record."""
    name = left_behind(run.recipe, stage, source)
    if name is None:
        return
    if stage == NEAR_DEDUP:
        outputs = write_audit(run, source, notes)
    else:
        folder, partitions = index_folder(run, stage, source), _section(run.recipe, stage).partitions
        files = finish_index(folder, notes, index_kinds(run.recipe, stage), partitions)
        outputs = {f"{KEYS}/{stage}/{source}/{file}": output for file, output in files.items()}
    run.record(Tally().entry(stage, WHOLE_RUN, name, key, {}, outputs))
