"""Stage `mix` as work for the engine: token shards send their blocks, stream shards receive them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from filters.load_once import load_once
from mixtures.stream import RECORD_NAME, shard_name, token_dtype
from mixtures.stream_shards import StreamShard
from pipeline.errors import FatalError
from pipeline.exchange import Keyed
from pipeline.ledger import WHOLE_RUN, LedgerEntry, Tally, as_made, read_entry
from pipeline.mix import MixPlan, plan_mix, send_blocks, stream_record, write_shard
from pipeline.models import TOKENIZER
from pipeline.run import Run
from pipeline.stage_names import MIX, TOKENIZE
from pipeline.stages import load_vocabulary
from pipeline.storage import Folder, digest_of
from pipeline.work import WorkList

STREAM = "stream"
STREAM_RECORD = f"{STREAM}/{RECORD_NAME}"


@dataclass(frozen=True, slots=True)
class MixWork:
    """The mixture of all sources, from their token shards to the stream's shards."""

    run: Run
    work_list: WorkList
    key: str
    label: str = MIX

    def senders(self) -> Sequence[tuple[int, int]]:
        """(index, bytes) of each source token shard that is read."""
        read, units = set(self.work_list.read()["sources"]), self._units()
        return [(index, size) for index, (source, _, size) in enumerate(units) if source in read]

    def receivers(self) -> Sequence[int]:
        """The stream's shards that are to be written."""
        return sorted(int(index) for index in self._keys())

    def name(self, index: int) -> str:
        """Source and token shard."""
        source, shard, _ = self._units()[index]
        return f"{source}/{shard}"

    def weight(self, index: int) -> int:
        """Tokens of the stream's shard."""
        return self._plan().stream_shards[index].tokens

    def send(self, index: int) -> Iterator[Keyed]:
        """The sequences of one token shard, for the stream shards that they go to."""
        source, unit, _ = self._units()[index]
        return send_blocks(self._plan(), source, unit, self.run.open_token_shard, self.receivers())

    def rounds(self) -> int:
        """Nothing is judged: the plan says where each sequence goes."""
        return 0

    def judge(self, round_index: int, partition: int, messages: Iterator[bytes]) -> Iterator[Keyed]:
        """Never called."""
        raise NotImplementedError

    def receive(self, index: int, messages: Iterator[bytes]) -> None:
        """Write one shard of the stream."""
        name = f"{STREAM}/{shard_name(index)}"
        with self.run.output.create(name) as pending, pending.path.open("wb") as sink:
            write_shard(self._plan(), index, messages, sink)
        assert pending.output is not None  # published: `create` would have raised
        key = self._keys()[str(index)]
        self.run.record(Tally().entry(MIX, WHOLE_RUN, shard_name(index), key, {}, {name: pending.output}))
        self.work_list.mark(index)

    def total_bytes(self) -> int:
        """Bytes of the stream's shards that are to be written."""
        plan = self._plan()
        return sum(plan.stream_shards[index].tokens for index in self.receivers()) * plan.dtype.itemsize

    def bytes_done(self) -> int:
        """Bytes of those that are there."""
        return self.total_bytes() * len(self.work_list.marked()) // max(1, len(self.receivers()))

    def finish(self) -> LedgerEntry:
        """Write `stream.json`, and remove shards of an earlier, longer stream."""
        plan = self._plan()
        names = [shard_name(index) for index in range(len(plan.stream_shards))]
        entries = [read_entry(self.run.output, MIX, WHOLE_RUN, name) for name in names]
        written = [entry.outputs[f"{STREAM}/{name}"] for name, entry in zip(names, entries, strict=True) if entry]
        if len(written) != len(names):
            raise FatalError(f"mix wrote {len(written)} of {len(names)} stream shards")
        for name in set(self.run.output.list(STREAM)) - set(names) - {RECORD_NAME}:
            self.run.output.delete(f"{STREAM}/{name}")
            self.run.output.delete(f"ledger/{MIX}/{WHOLE_RUN}/{name}.json")
        record = stream_record(plan, written)
        output = self.run.output.write_json(STREAM_RECORD, record)
        tally = Tally()
        tally.tokens = int(record["tokens"])
        outputs = {STREAM_RECORD: output}
        return self.run.record(tally.entry(MIX, WHOLE_RUN, STREAM, self.key, {}, outputs))

    def _plan(self) -> MixPlan:
        return load_once(_planned, self.work_list.folder.url, self.work_list.name)

    def _keys(self) -> dict[str, str]:
        found: dict[str, str] = self.work_list.read()["keys"]
        return found

    def _units(self) -> list[tuple[str, int, int]]:
        plan = self._plan()
        width = plan.dtype.itemsize
        return [
            (source, unit, tokens * width)
            for source, shards in plan.shards.items()
            for unit, (_, tokens) in enumerate(shards)
        ]


def _planned(folder: str, work_list: str) -> MixPlan:
    return MixPlan(**WorkList(Folder(folder), work_list).read()["plan"])


def token_shards(run: Run) -> dict[str, dict[str, tuple[int, str]]]:
    """For each source its token shards: name → (bytes, digest), as the ledger has them."""
    found: dict[str, dict[str, tuple[int, str]]] = {}
    run = run.listed()
    for source in run.recipe.sources:
        found[source] = {}
        for file in run.output.list(f"ledger/tokenize/{source}"):
            entry = read_entry(run.output, TOKENIZE, source, file.removesuffix(".json"))
            for name, output in as_made(entry.outputs).items() if entry else ():
                if name.endswith(".bin"):
                    shard = name.rsplit("/", 1)[-1].removesuffix(".bin")
                    found[source][shard] = (int(output["bytes"]), str(output["digest"]))
    return found


def planned_mix(run: Run) -> tuple[MixPlan, dict[str, str]]:
    """The plan for the token shards that the ledger has, and a digest of each source's. Raises FatalError."""
    shards = token_shards(run)
    if not any(shards.values()):
        raise FatalError("stage mix needs tokenize: run `tokenmill tokenize` first")
    vocabulary = load_once(load_vocabulary, TOKENIZER.path(run, "tokenizer.model"))
    width = token_dtype(vocabulary.size).itemsize
    plan = plan_mix(
        {source: [(name, size // width) for name, (size, _) in held.items()] for source, held in shards.items()},
        run.recipe,
        vocabulary_size=vocabulary.size,
        tokenizer_digest=vocabulary.digest,
    )
    digests = {source: digest_of(held) for source, held in shards.items()}
    return replace(plan, record=dict(plan.record) | {"token_shards": digests}), digests


def foreseen(run: Run) -> Mapping[str, Any] | None:
    """`stream.json` as it would be planned now; None where not all that it is planned from is there."""
    try:
        return planned_mix(run)[0].record
    except (FatalError, FileNotFoundError):
        return None


def mix_work(run: Run, work_list: WorkList) -> MixWork | None:
    """What is left to do of the stream; None where it is there and follows from what is there now."""
    plan, digests = planned_mix(run)
    keys = shard_keys(run, plan, digests)
    key = run.key(MIX, WHOLE_RUN, STREAM, [dict(plan.record), list(keys)], digests)
    seen = run.listed()
    todo = [index for index, held in enumerate(keys) if seen.current(MIX, WHOLE_RUN, shard_name(index), held) is None]
    if not todo and seen.current(MIX, WHOLE_RUN, STREAM, key) is not None:
        return None
    return MixWork(
        run,
        work_list.write(
            {
                "plan": {"shards": plan.shards, "record": plan.record, "shard_sequences": plan.shard_sequences},
                "keys": {str(index): keys[index] for index in todo},
                "sources": sorted(
                    {source for index in todo for source in _sources_of(plan, plan.stream_shards[index])}
                ),
            }
        ),
        key,
    )


def shard_keys(run: Run, plan: MixPlan, digests: Mapping[str, str]) -> list[str]:
    """What each shard of the stream follows from: how its phase is dealt, and the token shards that it has tokens of.

    What comes later in the stream is no part of it, so a change from some step on leaves all shards before it.
    """
    found = []
    for index, shard in enumerate(plan.stream_shards):
        phase, sources = shard.phase, _sources_of(plan, shard)
        first_blocks = dict(zip(plan.plan.names, phase.first_blocks, strict=True))
        settings = [
            [run.recipe.seed, plan.record["block_tokens"], plan.dtype.name],
            [phase.first, phase.first_token, phase.sequence_tokens, shard.first, shard.end],
            {name: count for name, count in zip(plan.plan.names, phase.schedule.dealt, strict=True) if count},
            {source: first_blocks[source] for source in sources},
        ]
        inputs = {source: digests[source] for source in sources}
        found.append(run.key(MIX, WHOLE_RUN, shard_name(index), settings, inputs))
    return found


def _sources_of(plan: MixPlan, shard: StreamShard) -> list[str]:
    """The sources of which a stream shard has sequences."""
    schedule, first = shard.phase.schedule, shard.phase.first
    counts = zip(schedule.before(shard.first - first), schedule.before(shard.end - first), strict=True)
    return [name for name, (before, after) in zip(plan.plan.names, counts, strict=True) if after > before]
