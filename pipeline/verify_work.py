"""Stage `verify` as work for the engine: token shards send sums, judges see documents, stream shards receive.

Whoever checks a token shard also sends the sum of each piece of a block to the stream shard where the plan puts it (16
bytes for each sequence), and 16 bytes of each document's id to where equal ones meet. Each piece of work leaves a file
of what it found.
"""

import struct
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from filters.load_once import load_once
from mixtures.plan import ABSENT
from mixtures.token_format import TokenFormat
from pipeline.exchange import Keyed, straight_to
from pipeline.mix import MixPlan, read_blocks
from pipeline.run import Run
from pipeline.stage_names import VERIFY
from pipeline.storage import Folder
from pipeline.verify_shards import TokenShard
from pipeline.verify_stream import SUMS, StreamProof, checksums, prove_stream_shard
from pipeline.verify_table import read_tokens
from pipeline.work import WorkList

PARTITION_DOCUMENTS = 2_000_000
"""So many documents' ids meet in one place, at 20 bytes each."""
PACK_PIECES = 1 << 20
"""So many sums are held before they are sent."""
TWICE_TOLD = 8

_SHARD = struct.Struct("<I")


@dataclass(frozen=True, slots=True)
class VerifyWork:
    """The proof of a run's token shards and stream. The work list holds the plan and what done records say."""

    run: Run
    work_list: WorkList
    label: str = VERIFY

    def senders(self) -> Sequence[tuple[int, int]]:
        """(index, bytes) of each token shard."""
        return [(index, shard["bytes"]) for index, shard in enumerate(self.work_list.read()["shards"])]

    def receivers(self) -> Sequence[int]:
        """The stream's shards."""
        mix = self.plan()
        return range(len(mix.stream_shards)) if mix else ()

    def rounds(self) -> int:
        """One: equal ids of documents meet."""
        return 1

    def total_bytes(self) -> int:
        """Bytes of all token shards and of the stream."""
        mix = self.plan()
        return sum(size for _, size in self.senders()) + (mix.stream_bytes if mix else 0)

    def bytes_done(self) -> int:
        """Bytes of those that have been read."""
        done, sizes = self.work_list.marked(), self.senders()
        mix = self.plan()
        applied = len(done) - sum(index < len(sizes) for index in done)
        stream = mix.stream_bytes * applied // max(1, len(self.receivers())) if mix else 0
        return sum(size for index, size in sizes if index in done) + stream

    def name(self, index: int) -> str:
        """The token shard."""
        return str(self.work_list.read()["shards"][index]["name"])

    def weight(self, index: int) -> int:
        """Tokens of the stream's shard."""
        mix = self.plan()
        return mix.stream_shards[index].tokens if mix else 0

    def send(self, index: int) -> Iterator[Keyed]:
        """Check a token shard; (stream shard, sums of pieces) and (partition, ids of documents) of it."""
        held = self.work_list.read()
        shard = held["shards"][index]
        found = TokenShard(self.run.output, shard["name"], self.form(), shard["files"])
        faults = [fault.to_json() for fault in found.check()]
        reads: Counter[int] = Counter()
        mix = self.plan()
        if mix is not None and found.is_whole:
            yield from self._sums(mix, shard["source"], shard["unit"], reads)
        yield from _ids(found.keys, index, held["partitions"])
        result = {
            "source": shard["source"],
            "documents": found.documents,
            "tokens": found.tokens,
            "faults": faults,
            "reads": {str(times): count for times, count in sorted(reads.items())},
        }
        self._leave("shards", index, result)
        self.work_list.mark(index)

    def _sums(self, mix: MixPlan, source: str, unit: int, reads: Counter[int]) -> Iterator[Keyed]:
        """(stream shard, sums) of the blocks that begin in a token shard, as far as they are all there."""
        plan, number = mix.plan, mix.plan.names.index(source)
        finest = read_tokens(mix)
        edges = np.array([shard.first_token for shard in mix.stream_shards], np.int64)
        held: list[NDArray[Any]] = []
        try:
            for first, blocks in read_blocks(mix, source, unit, self.run.open_token_shard):
                numbers = np.arange(first, first + len(blocks))
                times = np.zeros((len(blocks), plan.block_tokens // finest), np.int64)
                for phase in plan.phases:
                    epochs = plan.epochs(phase, number)
                    if not epochs:
                        continue
                    data = np.ascontiguousarray(blocks).view(np.uint8).reshape(-1).data
                    sums = checksums(data, phase.piece_tokens * mix.dtype.itemsize)
                    for epoch in epochs:
                        tokens = plan.landings(phase, number, epoch, numbers)
                        times += np.repeat(tokens != ABSENT, phase.piece_tokens // finest, axis=1)
                        held.append(_told(tokens.ravel(), sums))
                counts = np.unique(times, return_counts=True)
                reads.update(dict(zip(*(array.tolist() for array in counts), strict=True)))
                if sum(map(len, held)) >= PACK_PIECES:
                    yield from _packed(held, edges)
                    held.clear()
        except (ValueError, OSError):
            pass  # The shard behind this one is short or missing: that is told of it.
        yield from _packed(held, edges)

    def judge(self, round_index: int, partition: int, messages: Iterator[bytes]) -> Iterator[Keyed]:
        """Ids that two documents have; nothing goes on from here."""
        shards, keys = [np.empty(0, np.int64)], [np.empty((0, 2), np.uint64)]
        for message in messages:
            (shard,) = _SHARD.unpack_from(message)
            found = np.frombuffer(message, "<u8", offset=_SHARD.size).reshape(-1, 2)
            keys.append(found)
            shards.append(np.full(len(found), shard))
        joined, owners = np.concatenate(keys), np.concatenate(shards)
        order = np.lexsort((owners, joined[:, 1], joined[:, 0]))
        same = (joined[order][1:] == joined[order][:-1]).all(axis=1)
        pairs = np.stack([owners[order][:-1][same], owners[order][1:][same]], axis=1)
        told = {"count": int(same.sum()), "pairs": pairs[:TWICE_TOLD].tolist()}
        self._leave("documents", partition, told)
        yield from ()

    def receive(self, index: int, messages: Iterator[bytes]) -> None:
        """Check a stream shard against the sums that came for it."""
        mix = self.plan()
        assert mix is not None  # There are no stream shards without a plan.
        proof = prove_stream_shard(mix, index, self.run.output, messages)
        self._leave("stream", index, proof.to_json())
        self.work_list.mark(len(self.work_list.read()["shards"]) + index)

    def found_of_shards(self) -> list[dict[str, Any]]:
        """What was found of each token shard, in order."""
        return [self._left("shards", index) for index, _ in self.senders()]

    def found_of_documents(self) -> list[dict[str, Any]]:
        """Ids that occur twice, by partition."""
        return [self._left("documents", int(name)) for name in self.work_list.folder.list(f"{VERIFY}/documents")]

    def found_of_stream(self) -> list[StreamProof]:
        """What was found of each stream shard, in order."""
        return [StreamProof(**self._left("stream", index)) for index in self.receivers()]

    def plan(self) -> MixPlan | None:
        """The plan that recipe and token shards give, where they give one."""
        return load_once(_planned, self.work_list.folder.url, self.work_list.name)

    def form(self) -> TokenFormat:
        """What the tokenizer asks of token shards."""
        held = self.work_list.read()["form"]
        return TokenFormat(**(held | {"dtype": np.dtype(held["dtype"])}))

    def _leave(self, kind: str, index: int, value: dict[str, Any]) -> None:
        self.work_list.folder.write_json(f"{VERIFY}/{kind}/{index}", value)

    def _left(self, kind: str, index: int) -> dict[str, Any]:
        found = self.work_list.folder.read_json(f"{VERIFY}/{kind}/{index}")
        if found is None:
            raise FileNotFoundError(f"verify left nothing of {kind} {index}")
        return found


def _planned(folder: str, work_list: str) -> MixPlan | None:
    held = WorkList(Folder(folder), work_list).read()["plan"]
    return MixPlan(**held) if held else None


def list_work(
    work_list: WorkList, shards: Sequence[dict[str, Any]], mix: MixPlan | None, form: TokenFormat, documents: int
) -> WorkList:
    """What workers need to know. `shards` have source, unit (which of the source), name, bytes and files each."""
    held = asdict(form) | {"dtype": form.dtype.str}
    partitions = 1 + documents // PARTITION_DOCUMENTS
    plan = asdict(mix) if mix else None
    return work_list.write({"shards": list(shards), "plan": plan, "form": held, "partitions": partitions})


def _told(tokens: NDArray[np.int64], sums: NDArray[np.uint64]) -> NDArray[Any]:
    inside = tokens != ABSENT
    told = np.empty(int(inside.sum()), SUMS)
    told["token"], told["sum"] = tokens[inside], sums[inside]
    return told


def _packed(held: list[NDArray[Any]], edges: NDArray[np.int64]) -> Iterator[Keyed]:
    """Sums sorted by the stream shard that they are for."""
    if not held:
        return
    told = np.sort(np.concatenate(held), order="token")
    shards = np.searchsorted(edges, told["token"], side="right") - 1
    for shard in np.unique(shards).tolist():
        first, last = np.searchsorted(shards, [shard, shard + 1])
        yield straight_to(shard), told[first:last].tobytes()


def _ids(keys: Sequence[NDArray[np.uint64]], shard: int, partitions: int) -> Iterator[Keyed]:
    """(partition, the shard and keys of its documents)."""
    for found in keys:
        partition = (found[:, 0] % np.uint64(partitions)).astype(np.int64)
        for number in np.unique(partition).tolist():
            yield number, _SHARD.pack(shard) + found[partition == number].tobytes()
