"""Runs the real stages on a sample, in a folder of its own, and says on which models."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pipeline.conductor import Conductor
from pipeline.errors import FatalError
from pipeline.measured_engine import MeasuredEngine
from pipeline.models import ALL_MODELS, LANGUAGE, LANGUAGE_MODEL, REFERENCE, TOKENIZER, Model
from pipeline.planning.estimate import Stratum
from pipeline.planning.sampled_inputs import Sample
from pipeline.planning.sampling import in_fine_parts
from pipeline.progress import Reporter
from pipeline.recipe import Recipe
from pipeline.run import Run
from pipeline.section import SOURCES
from pipeline.stage_names import MIX, STEPS, VERIFY
from pipeline.storage import Folder

MIN_SEQUENCES = 64
"""So many sequences of the stream are mixed at least, however small the sample is."""
LEFT_OUT = frozenset({"train", "report"})
"""Stages that a plan says nothing of: the trainer has a plan of its own, the report takes no time."""
MIXING = frozenset({MIX, VERIFY})

_KEYS = {
    LANGUAGE.name: ("language", ("model",)),
    LANGUAGE_MODEL.name: ("language_model", ("arpa", "pieces")),
    REFERENCE.name: ("reference", ("model",)),
    TOKENIZER.name: ("tokenizer", ("model",)),
}
"""Where the recipe names the files of a model instead of training it."""
_log = logging.getLogger(__name__)


@dataclass(slots=True, kw_only=True)
class SampleRun:
    """A run of the sample in `run.output`. `share` is the sample's part of all input bytes.

    `models` says of each model where it is from; `notes` are lines about what could not be done as the recipe says.
    """

    run: Run
    share: float
    models: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    made: frozenset[str] = frozenset()
    """Models of an earlier run."""
    mixes: bool = True


def run_sample(
    recipe: Recipe, sample: Sample, strata: Sequence[Stratum], engine: MeasuredEngine, made: Folder | None
) -> SampleRun:
    """Run the sample through all stages that a plan is about, into the engine's output.

    Models that are `made` already, in the output of an earlier run, are used as they are. Raises FatalError where the
    sample cannot give a model, even a smaller one.
    """
    share = sum(part.read_bytes for part in strata) / max(1, sum(part.bytes for part in strata))
    found = _models_of(recipe, made)
    models = {model.name: _origin(model, recipe, found) for model in ALL_MODELS if model.used_by(recipe)}
    run = Run(for_sample(recipe, share, found), engine.output, sample=sample)
    held = SampleRun(run=run, share=share, models=models, made=frozenset(found))
    for step in STEPS:
        stages = tuple(stage for stage in step if stage not in LEFT_OUT and (held.mixes or stage not in MIXING))
        while stages:
            try:
                Conductor(held.run, engine, Reporter(quiet=True)).stages(stages)
                break
            except FatalError as error:
                _log.warning("the sample does not do as the recipe says", exc_info=error)
                _make_do(held, stages, str(error))
                if MIXING & set(stages) and not held.mixes:
                    break
    return held


def for_sample(recipe: Recipe, share: float, models: Mapping[str, tuple[str, ...]]) -> Recipe:
    """The recipe with a stream as small as the sample, models that are there already, and no limit that ends a run."""
    mixture = recipe.mixture
    least = MIN_SEQUENCES * max(mixture.sequence_tokens, mixture.block_width)
    changed: dict[str, dict[str, Any]] = {
        # A change of the mixture at a step that the small stream does not have would be refused.
        "mixture": {"total_tokens": max(least, int(mixture.total_tokens * share)), "changes": ()},
        "near_dedup": {"max_lost_fraction": dict.fromkeys(SOURCES, 1.0)},
        "limits": {"max_failed_fraction": 1.0},
        "reference": {"token_budget": int(recipe.reference.token_budget * share)},
    }
    for name, paths in models.items():
        section, keys = _KEYS[name]
        changed.setdefault(section, {}).update(zip(keys, paths, strict=True))
        if section == "language_model":
            changed[section]["binary"] = False  # Only what is trained here is made binary.
    return in_fine_parts(with_changes(recipe, changed))


def with_changes(recipe: Recipe, changed: Mapping[str, Mapping[str, Any]]) -> Recipe:
    """The recipe with some keys changed, checked as any recipe is."""
    held = recipe.model_dump()
    for section, keys in changed.items():
        held[section] |= keys
    return Recipe.model_validate(held)


def _models_of(recipe: Recipe, made: Folder | None) -> dict[str, tuple[str, ...]]:
    """Paths of the models that an earlier run has trained, and that the recipe would train again."""
    if made is None or not made.is_local:
        return {}
    found = {}
    for model in ALL_MODELS:
        paths = tuple(str(made.local_path(f"models/{model.name}/{file}")) for file in model.files)
        is_wanted = model.name in _KEYS and model.is_trained(recipe) and not model.given(recipe)
        if is_wanted and all(Path(path).is_file() for path in paths):
            found[model.name] = paths
    return found


def _origin(model: Model, recipe: Recipe, found: Mapping[str, tuple[str, ...]]) -> str:
    if model.is_external(recipe) or model.given(recipe):
        return "the recipe's"
    return f"of an earlier run, {found[model.name][0]}" if model.name in found else "fitted on the sample"


def _make_do(held: SampleRun, stages: tuple[str, ...], said: str) -> None:
    """Make the recipe smaller where a sample is too small for it. Raises FatalError where that is not why it failed."""
    recipe = held.run.recipe
    if MIXING & set(stages):
        held.mixes = False
        held.notes.append(f"stages mix and verify could not be sampled, only their bytes are said: {said}")
        return
    change: dict[str, dict[str, Any]]
    if "tokenizer.vocabulary_size" in said and recipe.tokenizer.vocabulary_size >= 600:
        change = {"tokenizer": {"vocabulary_size": recipe.tokenizer.vocabulary_size // 2}}
        note = f"the sample's tokenizer has {recipe.tokenizer.vocabulary_size // 2} pieces: it makes more tokens"
    elif REFERENCE.stage in stages and recipe.reference.positives == "cited":
        # What a sample of Wikipedia cites is hardly ever in a sample of pages.
        change = {"reference": {"positives": "articles"}}
        note = "the sample's reference classifier is of articles, not of cited pages: it may keep more or fewer of them"
    else:
        raise FatalError(f"the sample cannot be run: {said}; a larger --fraction may help")
    held.run = replace(held.run, recipe=with_changes(recipe, change))
    held.notes = [line for line in held.notes if line.split(" has ")[0] != note.split(" has ")[0]] + [note]
