"""The most memory that a worker takes, by what it does."""

from collections.abc import Mapping

from pipeline.models import LANGUAGE_MODEL, TOKENIZER
from pipeline.planning.estimate import Estimate
from pipeline.planning.figures import Measured
from pipeline.planning.prediction import Prediction
from pipeline.run import Run
from pipeline.usage import FIT, JUDGE
from tokenizer.train import BYTES_A_SAMPLE_BYTE

GROUP_COPIES = 3
"""A group's blocks, the same in one array, and as much again while it is put in order."""


def peak_memory(run: Run, prediction: Prediction, measured: Measured) -> dict[str, Estimate]:
    """Peak bytes of a worker's process at units, at groups, and at fits."""
    peaks = {part: [p.peak_bytes for p in measured.pieces if (p.part == part)] for part in (FIT, JUDGE)}
    units = [p.peak_bytes for p in measured.pieces if p.part not in (FIT, JUDGE)]
    least = min((p.peak_bytes for p in measured.pieces), default=0)
    found = {"units": _spread(units)}
    groups = float(max(peaks[JUDGE], default=0))
    hottest = max((key.key_bytes + key.even_bytes for key in prediction.hot_keys), default=0.0)
    found["groups"] = Estimate(
        max(groups, least + GROUP_COPIES * hottest), groups, max(groups, least + 2 * GROUP_COPIES * hottest)
    )
    found["fits"] = _fits(run, prediction, peaks[FIT], least)
    return found


def _spread(peaks: list[int]) -> Estimate:
    """The greatest that was seen; units that were not may take as much more as the seen ones differ."""
    if not peaks:
        return Estimate.exactly(0.0)
    mean, most = sum(peaks) / len(peaks), float(max(peaks))
    return Estimate(most, most, most + (most - mean))


def _fits(run: Run, prediction: Prediction, peaks: list[int], least: int) -> Estimate:
    """What was seen, and what is known of how the tokenizer's and the language model's training grow."""
    seen = float(max(peaks, default=0))
    known = [seen]
    recipe = run.recipe
    if TOKENIZER.name in prediction.fit_times and not recipe.tokenizer.model:
        known.append(least + BYTES_A_SAMPLE_BYTE * prediction.tokenizer_bytes)
    if LANGUAGE_MODEL.is_trained(recipe) and prediction.fit_times.get(LANGUAGE_MODEL.name, 0.0) > 1:
        grown = (seen - least) * prediction.fit_times[LANGUAGE_MODEL.name]
        known.append(least + min(recipe.language_model.memory_bytes, grown))
    return Estimate(max(known), seen, 1.3 * max(known))


def largest(peaks: Mapping[str, Estimate]) -> Estimate:
    """The largest of them."""
    return max(peaks.values(), key=lambda peak: peak.value)
