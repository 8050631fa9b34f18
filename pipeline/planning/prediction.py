"""From what a sample took to what the whole run will take."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from mixtures.stream import token_dtype
from pipeline.corpora.registry import chains, side_stages
from pipeline.ledger import read_entry
from pipeline.planning.estimate import NOTHING, Estimate, Stratum, expand, total
from pipeline.planning.figures import Measured, Place, by_unit, cold_starts, is_of_unit
from pipeline.planning.fits import fit_times
from pipeline.planning.growth import growth_of
from pipeline.planning.hot_keys import HotKey, hottest
from pipeline.planning.sample_run import SampleRun
from pipeline.run import Run
from pipeline.stage_names import NEAR_DEDUP, TOKENIZE
from pipeline.usage import FIT, JUDGE, Usage

MADE_LESS = frozenset({"documents", "samples", "tokens", "held-out"})
"""Folders in which there is less of what a stage writes, the more it finds to be duplicates."""
SHINGLE_BYTES = 1.5
"""Of hashes for a byte of text at most: eight for each word."""


@dataclass(slots=True, kw_only=True)
class Prediction:
    """What a run will take. `growth` is what deduplication leaves of what the sample's keeps, by stage and source."""

    cpu_seconds: dict[Place, Estimate] = field(default_factory=dict)
    fixed: frozenset[str] = frozenset()
    """Stages whose cost does not grow with the input any further: fits of bounded samples."""
    shuffle_bytes: dict[Place, Estimate] = field(default_factory=dict)
    output_bytes: dict[str, Estimate] = field(default_factory=dict)
    files: Estimate = NOTHING
    growth: dict[Place, Estimate] = field(default_factory=dict)
    hot_keys: list[HotKey] = field(default_factory=list)
    stream_times: float = 0.0
    fit_times: dict[str, float] = field(default_factory=dict)
    tokenizer_bytes: float = 0.0
    """How much text the tokenizer is trained on."""

    @property
    def cpu(self) -> Estimate:
        """Processor seconds in all."""
        return total(self.cpu_seconds.values())

    @property
    def shuffle(self) -> Estimate:
        """Bytes sent in all."""
        return total(self.shuffle_bytes.values())

    @property
    def output(self) -> Estimate:
        """Bytes written in all."""
        return total(self.output_bytes.values())


def predict(run: Run, held: SampleRun, strata: Iterable[Stratum], measured: Measured, workers: int = 1) -> Prediction:
    """What `run` will take with so many workers, as a sample of it was measured."""
    return _Predictor(run, held, list(strata), measured, workers).predict()


class _Predictor:
    def __init__(self, run: Run, held: SampleRun, strata: list[Stratum], measured: Measured, workers: int) -> None:
        self._run, self._held, self._measured, self._workers = run, held, measured, workers
        self._strata: dict[str, list[Stratum]] = defaultdict(list)
        for stratum in strata:
            self._strata[stratum.source].append(stratum)
        self._found = Prediction()
        self._judged: dict[Place, Estimate] = {}

    def predict(self) -> Prediction:
        found = self._found
        for source in self._strata:
            for stage, share in growth_of(self._held.run, source, self._times(source)).items():
                found.growth[stage, source] = share
        found.stream_times = stream_tokens(self._run) / stream_tokens(self._held.run)
        found.fit_times, found.tokenizer_bytes = fit_times(self._run.recipe, self._held.run, self._strata)
        found.fit_times |= dict.fromkeys(self._held.made, 1.0)  # What they took is known.
        found.fixed = frozenset(piece.stage for piece in self._measured.pieces if piece.part == FIT)
        pieces = self._measured.pieces
        found.shuffle_bytes = self._sent(pieces)
        found.cpu_seconds = self._cpu(pieces)
        self._files()
        for source, parts in self._strata.items():
            units = sum(len(stratum.unit_bytes) for stratum in parts)
            sent = {stage: size.value for (stage, of), size in found.shuffle_bytes.items() if of == source}
            found.hot_keys += hottest(self._held.run, source, units, self._times(source), sent)
        return found

    def _times(self, source: str) -> float:
        parts = self._strata[source]
        return sum(part.bytes for part in parts) / max(1, sum(part.read_bytes for part in parts))

    def _before(self, stage: str, source: str) -> Estimate:
        """What comes to a stage, as a share of what would if the stages before it found no more duplicates."""
        chain = chains(self._run.recipe)[source]
        beside = side_stages(self._run.recipe, source)
        end = chain.index(stage) if stage in chain else chain.index(beside[stage]) + 1
        left = Estimate.exactly(1.0)
        for earlier in chain[:end]:
            left = left.times(self._found.growth.get((earlier, source), Estimate.exactly(1.0)))
        return left

    def _expanded(self, place: Place, values: Mapping[str, float], least: float = 0.0) -> Estimate:
        own = self._strata[place[1]]
        found = expand(own, values, least)
        witnesses = set(values) - {name for part in own for name in part.pieces}
        for parts in self._strata.values() if witnesses else ():  # Units of other sources that are sketched as well.
            theirs = {name: values[name] for part in parts for name in part.pieces if name in witnesses}
            found += expand(parts, theirs, least) if theirs else NOTHING
        return found.times(self._before(*place))

    def _sent(self, pieces: Iterable[Usage]) -> dict[Place, Estimate]:
        """Of units by unit; what judges send goes with what was sent to them; the stream's with the stream."""
        sketched = by_unit(pieces, lambda piece: piece.sent_bytes)
        sent = {place: self._expanded(place, units) for place, units in sketched.items() if any(units.values())}
        self._judged = {place: sent[place].times(1 / sum(sketched[place].values())) for place in sent}
        for piece in pieces:
            place = piece.stage, piece.source
            if piece.sent_bytes and not is_of_unit(piece):
                sent[place] = sent.get(place, NOTHING) + self._scale(piece).times(piece.sent_bytes)
        for (stage, source), size in sent.items():
            if stage == NEAR_DEDUP:
                # Shingles of documents that have candidates travel: of how many a sample of few pairs cannot tell.
                most = SHINGLE_BYTES * self._text(stage, source).high
                sent[stage, source] = Estimate(size.value, size.low, size.high + most)
        return sent

    def _text(self, stage: str, source: str) -> Estimate:
        """Bytes of text that come to a stage."""
        run = self._held.run
        entries = [read_entry(run.output, stage, source, unit.name) for unit in run.units(source)]
        return self._expanded((stage, source), {entry.unit: float(entry.bytes_in) for entry in entries if entry})

    def _cpu(self, pieces: Iterable[Usage]) -> dict[Place, Estimate]:
        took_by_unit = by_unit(pieces, lambda piece: piece.cpu_seconds)
        least = least_of(took_by_unit.values())
        cpu = {place: self._expanded(place, units, least) for place, units in took_by_unit.items()}
        others: dict[tuple[Place, bool], Estimate] = {}
        for piece in pieces:
            if not is_of_unit(piece):
                place = piece.stage, piece.source
                others[place, piece.part == FIT] = self._scale(piece)
        for (place, is_fit), scale in others.items():
            took = sum(
                piece.cpu_seconds
                for piece in pieces
                if (piece.stage, piece.source) == place and not is_of_unit(piece) and (piece.part == FIT) == is_fit
            )
            cpu[place] = cpu.get(place, NOTHING) + scale.times(took)
        for place, took in cold_starts(self._measured.cold, lambda piece: piece.cpu_seconds).items():
            units = sum(len(stratum.unit_bytes) for stratum in self._strata.get(place[1], ())) or 1
            cpu[place] = cpu.get(place, NOTHING) + Estimate.exactly(took * min(self._workers, units))
        return cpu

    def _scale(self, piece: Usage) -> Estimate:
        """How many times what a piece that is of no unit took, all such pieces of the run will."""
        if piece.part == FIT:
            return Estimate.within(self._found.fit_times.get(piece.unit, 1.0), 0.2)
        if piece.part == JUDGE and piece.source:
            return self._judged.get((piece.stage, piece.source), Estimate.exactly(1.0))
        return Estimate.within(self._found.stream_times, 0.1)

    def _files(self) -> None:
        found: dict[tuple[str, str, str], dict[str, float]] = defaultdict(lambda: defaultdict(float))
        number: dict[Place, dict[str, float]] = defaultdict(lambda: defaultdict(float))
        sums: dict[str, Estimate] = defaultdict(lambda: NOTHING)
        for written in self._measured.files:
            if written.source in self._strata:
                found[written.folder, written.stage, written.source][written.unit] += written.bytes
                number[written.stage, written.source][written.unit] += written.files
            elif written.folder != "stream":
                model = written.unit if written.folder == "models" and written.unit == "language_model" else ""
                sums[written.folder] += Estimate.exactly(written.bytes * self._found.fit_times.get(model, 1.0))
        for (folder, stage, source), units in found.items():
            least = least_of(other for key, other in found.items() if key[0] == folder)
            size = expand(self._strata[source], units, least).times(self._before(stage, source))
            if folder in MADE_LESS:
                size = size.times(self._found.growth.get((stage, source), Estimate.exactly(1.0)))
            sums[folder] += size
        if stream_tokens(self._run) and any(written.stage == TOKENIZE for written in self._measured.files):
            width = token_dtype(self._run.recipe.tokenizer.vocabulary_size).itemsize
            sums["stream"] = Estimate.exactly(float(stream_tokens(self._run) * width))
        self._found.output_bytes = dict(sums)
        self._found.files = total(expand(self._strata[source], units, 1.0) for (_, source), units in number.items())


def least_of(figures: Iterable[Mapping[str, float]]) -> float:
    """The least figure of any piece."""
    return min((value for units in figures for value in units.values()), default=0.0)


def stream_tokens(run: Run) -> int:
    """Tokens of the stream that the recipe asks for."""
    return sum((phase.until or phase.sequences) * phase.sequence_tokens for phase in run.recipe.phases)
