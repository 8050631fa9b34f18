"""Stage `mix` as work for the engine: token shards are sketched, stream shards written."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import BinaryIO

from filters.models import load_once
from mixtures.stream import RECORD_NAME, shard_name
from pipeline.context import Run
from pipeline.errors import FatalError
from pipeline.exchange import Keyed
from pipeline.ledger import MODELS, LedgerEntry, Tally, read_entry
from pipeline.mix import MixPlan, MixRounds, plan_mix, stream_record
from pipeline.models import TOKENIZER
from pipeline.stages import load_vocabulary
from pipeline.storage import digest_of
from pipeline.work import Manifest

MIX = "mix"
STREAM = "stream"


@dataclass(frozen=True, slots=True)
class MixWork:
    """The mixture of all sources, from their token shards to the stream's shards."""

    run: Run
    manifest: Manifest
    key: str
    label: str = MIX

    def sketched(self) -> Sequence[tuple[int, int]]:
        """(index, bytes) of each source token shard."""
        return [(index, item[2]) for index, item in enumerate(self._units())]

    def applied(self) -> Sequence[int]:
        """The stream's shards."""
        return range(len(self._plan().stream_shards))

    def sketch(self, index: int) -> Iterator[Keyed]:
        """The sequences of one token shard, for the stream shards that they go to."""
        source, unit, _ = self._units()[index]
        return MixRounds(self._plan()).sketch(source, unit, self._open_shard)

    def rounds(self) -> int:
        """Nothing is judged: the plan says where each sequence goes."""
        return 0

    def judge(self, round_index: int, partition: int, blocks: Iterator[bytes]) -> Iterator[Keyed]:
        """Never called."""
        raise NotImplementedError

    def apply(self, index: int, blocks: Iterator[bytes]) -> None:
        """Write one shard of the stream."""
        name = f"{STREAM}/{shard_name(index)}"
        with self.run.output.create(name) as pending, pending.path.open("w+b") as sink:
            MixRounds(self._plan()).write_shard(index, blocks, sink)
        assert pending.output is not None  # published: `create` would have raised
        self.run.record(Tally().entry(MIX, MODELS, shard_name(index), self.key, {}, {name: pending.output}))
        self.manifest.mark(index)

    def total_bytes(self) -> int:
        """Bytes of the whole stream."""
        return self._plan().stream_bytes

    def bytes_done(self) -> int:
        """Bytes of the stream's shards that are there."""
        return self.total_bytes() * len(self.manifest.marked()) // max(1, len(self.applied()))

    def finish(self) -> LedgerEntry:
        """Write `stream.json`, and remove shards of an earlier, longer stream."""
        plan = self._plan()
        names = [shard_name(index) for index in range(len(plan.stream_shards))]
        entries = [read_entry(self.run.output, MIX, MODELS, name) for name in names]
        written = [entry.outputs[f"{STREAM}/{name}"] for name, entry in zip(names, entries, strict=True) if entry]
        if len(written) != len(names):
            raise FatalError(f"mix wrote {len(written)} of {len(names)} stream shards")
        for name in set(self.run.output.list(STREAM)) - set(names) - {RECORD_NAME}:
            self.run.output.delete(f"{STREAM}/{name}")
            self.run.output.delete(f"ledger/{MIX}/{MODELS}/{name}.json")
        record = stream_record(plan, written)
        output = self.run.output.write_json(f"{STREAM}/{RECORD_NAME}", record)
        tally = Tally()
        tally.tokens = int(record["tokens"])
        outputs = {f"{STREAM}/{RECORD_NAME}": output}
        return self.run.record(tally.entry(MIX, MODELS, STREAM, self.key, {}, outputs))

    def _plan(self) -> MixPlan:
        return MixPlan(**self.manifest.read()["plan"])

    def _units(self) -> list[tuple[str, int, int]]:
        plan = self._plan()
        width = plan.dtype.itemsize
        return [
            (source, unit, tokens * width)
            for source, shards in plan.shards.items()
            for unit, (_, tokens) in enumerate(shards)
        ]

    def _open_shard(self, source: str, name: str) -> BinaryIO:
        return self.run.output.open(f"tokens/{source}/{name}.bin")


def token_shards(run: Run) -> dict[str, dict[str, tuple[int, str]]]:
    """For each source its token shards: name → (bytes, digest), as the ledger has them."""
    found: dict[str, dict[str, tuple[int, str]]] = {}
    for source in run.recipe.sources:
        found[source] = {}
        for file in run.output.list(f"ledger/tokenize/{source}"):
            entry = read_entry(run.output, "tokenize", source, file.removesuffix(".json"))
            for name, output in entry.outputs.items() if entry else ():
                if name.endswith(".bin"):
                    shard = name.rsplit("/", 1)[-1].removesuffix(".bin")
                    found[source][shard] = (int(output["bytes"]), str(output["digest"]))
    return found


def mix_work(run: Run, manifest: Manifest) -> MixWork | None:
    """What is left to do of the stream; None where it is there and follows from what is there now."""
    shards = token_shards(run)
    if not any(shards.values()):
        raise FatalError("stage mix needs tokenize: run `tokenmill tokenize` first")
    vocabulary = load_once(load_vocabulary, TOKENIZER.path(run, "tokenizer.model"))
    width = 2 if vocabulary.size <= 1 << 16 else 4
    plan = plan_mix(
        {source: [(name, size // width) for name, (size, _) in held.items()] for source, held in shards.items()},
        run.recipe,
        vocabulary_size=vocabulary.size,
        tokenizer_digest=vocabulary.digest,
    )
    inputs = {"shards": digest_of(shards)}
    key = run.key(MIX, MODELS, STREAM, [run.recipe.mixture.model_dump(mode="json"), run.recipe.seed], inputs)
    if _is_done(run, plan, key):
        return None
    return MixWork(run, manifest.write({"plan": asdict(plan)}), key)


def _is_done(run: Run, plan: MixPlan, key: str) -> bool:
    names = [shard_name(index) for index in range(len(plan.stream_shards))]
    return all(run.current(MIX, MODELS, name, key) is not None for name in [*names, STREAM])
