"""Command `verify`: recount everything from the token shards and the stream, trusting no record left beside them.

Two passes, each reading files from front to back in bounded memory. The token shards: digests, ids, document frames,
sidecars, and a checksum of every window at every position where the plan puts it. The stream: digests, and the same
checksum of what does lie there. The sums are kept by stream shard, so a sequence that is missing, doubled, altered or
in another's place shows, and the shard is then read again beside its sources to say where.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from mixtures.plan import ABSENT
from mixtures.stream import RECORD_NAME, shard_name, stream_digest
from mixtures.token_format import TokenFormat
from pipeline.errors import FatalError
from pipeline.mix import CHUNK_BYTES, MixPlan, plan_mix, read_blocks, read_tokens
from pipeline.recipe import Recipe
from pipeline.storage import Folder
from pipeline.token_shards import list_token_shards, token_format
from pipeline.verify_shards import Fault, shard_faults
from tokenizer.vocabulary import Vocabulary

SHARDS_LOCATED = 8
"""Of so many wrong stream shards the first wrong sequence is looked for."""

FAULTS = (
    "tokenizer_differs sidecar_missing record_unreadable wrong_tokenizer digest_differs id_out_of_range bos_missing"
    " eos_missing shard_empty counts_differ sidecar_differs source_missing plan_impossible stream_unreadable"
    " tokens_differ plan_differs stream_shard_missing stream_size_differs stream_digest_differs sequence_differs"
).split()


def verify(tokens: Folder, stream: Folder, recipe: Recipe, tokenizer: Path) -> list[Fault]:
    """All faults of a run's token shards and stream against its recipe and tokenizer; none where all is well."""
    vocabulary = Vocabulary(tokenizer)
    form = token_format(vocabulary)
    faults = [Fault(name="tokenizer_differs", where=str(tokenizer.name), detail=said) for said in vocabulary.faults()]
    shards = {source: list_token_shards(tokens, source, form.dtype.itemsize) for source in recipe.sources}
    for source, found in shards.items():
        if not found:
            faults.append(Fault(name="source_missing", where=source, detail="it has no token shard"))
        for name, _ in found:
            faults.extend(shard_faults(tokens, source, name, form))
    try:
        plan = plan_mix(shards, recipe, vocabulary_size=vocabulary.size, tokenizer_digest=vocabulary.digest)
    except FatalError as error:
        return [*faults, Fault(name="plan_impossible", where="tokens", detail=str(error))]
    return faults + list(_stream_faults(tokens, stream, plan, form))


def _stream_faults(tokens: Folder, stream: Folder, plan: MixPlan, form: TokenFormat) -> Iterator[Fault]:
    record = stream.read_json(RECORD_NAME)
    if record is None:
        yield Fault(name="stream_unreadable", where=RECORD_NAME, detail="it is missing or no JSON object")
        return
    wrong = list(_plan_faults(record, plan))
    yield from wrong
    if wrong:
        return  # Where the plan is another, every sequence would differ: the plan is the fault.
    whole = []
    for index in range(len(plan.stream_shards)):
        faults = list(_file_faults(stream, record, plan, index))
        yield from faults
        if not any(fault.name in ("stream_shard_missing", "stream_size_differs") for fault in faults):
            whole.append(index)
    yield from _sequence_faults(tokens, stream, plan, whole)


def _plan_faults(record: dict[str, Any], plan: MixPlan) -> Iterator[Fault]:
    """What the stream says of itself against what recipe, tokenizer and token shards ask for."""
    planned = plan.record["sources"]
    for source in sorted(set(planned) | set(record.get("sources", {}))):
        said, asked = record.get("sources", {}).get(source, {}), planned.get(source, {})
        if said.get("available_tokens") != asked.get("available_tokens"):
            detail = f"{source} has {asked.get('available_tokens')} tokens, the stream was mixed of"
            yield Fault(name="tokens_differ", where=RECORD_NAME, detail=f"{detail} {said.get('available_tokens')}")
        elif said != asked:
            yield Fault(name="plan_differs", where=RECORD_NAME, detail=f"{source}: {said} is not the plan's {asked}")
    for key in sorted(set(plan.record) - {"sources"}):
        if record.get(key) != plan.record[key]:
            detail = f"{key} is {record.get(key)}, the plan's is {plan.record[key]}"
            yield Fault(name="plan_differs", where=RECORD_NAME, detail=detail)
    expected = [(shard_name(i), shard.end - shard.first) for i, shard in enumerate(plan.stream_shards)]
    if [(shard.get("name"), shard.get("sequences")) for shard in record.get("shards", [])] != expected:
        yield Fault(name="plan_differs", where=RECORD_NAME, detail="its shards are not those of the plan")
    elif record.get("digest") != _own_digest(record):
        yield Fault(name="stream_digest_differs", where=RECORD_NAME, detail="it is not the digest of its parts")


def _own_digest(record: dict[str, Any]) -> str | None:
    try:
        return stream_digest(record)
    except (KeyError, TypeError):  # Something is missing, or of another kind.
        return None


def _file_faults(stream: Folder, record: dict[str, Any], plan: MixPlan, index: int) -> Iterator[Fault]:
    name, said = shard_name(index), record["shards"][index]
    expected = plan.stream_shards[index].tokens * plan.dtype.itemsize
    size = stream.size(name)
    if size is None:
        yield Fault(name="stream_shard_missing", where=name, detail="no such file")
    elif not size == expected == said.get("bytes"):
        detail = f"it has {size} bytes, its sequences take {expected}"
        yield Fault(name="stream_size_differs", where=name, detail=detail)
    elif stream.digest(name) != said.get("digest"):
        yield Fault(name="stream_digest_differs", where=name, detail=f"{RECORD_NAME} says {said.get('digest')}")


def _sequence_faults(tokens: Folder, stream: Folder, plan: MixPlan, whole: list[int]) -> Iterator[Fault]:
    expected = _planned_sums(tokens, plan)
    wrong = [index for index in whole if _lying_sum(stream, plan, index) != int(expected[index])]
    for index in wrong[:SHARDS_LOCATED]:
        yield Fault(name="sequence_differs", where=shard_name(index), detail=_located(tokens, stream, plan, index))
    for index in wrong[SHARDS_LOCATED:]:
        yield Fault(name="sequence_differs", where=shard_name(index), detail="its sequences are not those of the plan")


def _planned_sums(tokens: Folder, mix: MixPlan) -> NDArray[np.uint64]:
    """For each stream shard the sum of checksums of the parts of blocks that the plan puts there."""
    plan, edges = mix.plan, np.array([shard.first_token for shard in mix.stream_shards], np.int64)
    sums = np.zeros(len(edges), dtype=np.uint64)
    for number, source in enumerate(plan.names):
        for unit in range(len(mix.shards[source])):
            for first, blocks in read_blocks(mix, source, unit, _opener(tokens)):
                numbers = np.arange(first, first + len(blocks))
                for phase in plan.phases:
                    content = _checksums(blocks.reshape(-1, phase.piece_tokens))
                    for epoch in plan.epochs(phase, number):
                        places = plan.landings(phase, number, epoch, numbers).ravel()
                        inside = places != ABSENT
                        shards = np.searchsorted(edges, places[inside], side="right") - 1
                        np.add.at(sums, shards, _placed(content[inside], places[inside]))
    return sums


def _lying_sum(stream: Folder, plan: MixPlan, index: int) -> int:
    """The same sum over what lies in the shard."""
    total = np.zeros(1, dtype=np.uint64)
    for first, rows in _pieces(stream, plan, index):
        places = first + np.arange(len(rows)) * rows.shape[1]
        total += _placed(_checksums(rows), places).sum(dtype=np.uint64)
    return int(total[0])


def _located(tokens: Folder, stream: Folder, mix: MixPlan, index: int) -> str:
    """Where the shard first differs from the plan, in words."""
    plan, shard = mix.plan, mix.stream_shards[index]
    phase = shard.phase
    for token, rows in _pieces(stream, mix, index):
        for row, found in enumerate(rows):
            at = token + row * phase.piece_tokens - phase.first_token
            position, within = phase.first + at // phase.sequence_tokens, at % phase.sequence_tokens
            places, piece = plan.places(np.array([position])), within // phase.piece_tokens
            source, start = plan.names[int(places.source[0])], int(places.token[0, piece])
            epoch = int(places.epoch[0, piece])
            if not np.array_equal(found, read_tokens(mix, source, start, phase.piece_tokens, _opener(tokens))):
                return f"position {position} is not of {source} from token {start} (epoch {epoch})"
    return "its sequences are not those of the plan"


def _pieces(stream: Folder, mix: MixPlan, index: int) -> Iterator[tuple[int, NDArray[Any]]]:
    """(first token of the stream, pieces as rows) of a stream shard, a chunk at a time."""
    shard = mix.stream_shards[index]
    token, piece = shard.first_token, shard.phase.piece_tokens
    width = piece * mix.dtype.itemsize
    with stream.open(shard_name(index)) as file:
        while read := file.read(max(1, CHUNK_BYTES // width) * width):
            rows = np.frombuffer(read, mix.dtype).reshape(-1, piece)
            yield token, rows
            token += rows.size


def _checksums(rows: NDArray[Any]) -> NDArray[np.uint64]:
    """64 bits for each row that change with any of its tokens: a sum of tokens times odd numbers, scrambled."""
    factors = _scrambled(np.arange(1, rows.shape[1] + 1, dtype=np.uint64)) | np.uint64(1)
    sums = np.empty(len(rows), dtype=np.uint64)
    for start in range(0, len(rows), 1024):
        sums[start : start + 1024] = (rows[start : start + 1024].astype(np.uint64) * factors).sum(
            axis=1, dtype=np.uint64
        )
    return _scrambled(sums)


def _placed(checksums: NDArray[np.uint64], positions: NDArray[np.int64]) -> NDArray[np.uint64]:
    """The checksum of a row at a position."""
    return _scrambled(checksums + _scrambled(positions.astype(np.uint64) + np.uint64(1)))


def _scrambled(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    values = (values ^ (values >> np.uint64(32))) * np.uint64(0xD6E8FEB86659FD93)
    values = (values ^ (values >> np.uint64(32))) * np.uint64(0xD6E8FEB86659FD93)
    return values ^ (values >> np.uint64(32))


def _opener(tokens: Folder) -> Any:
    def open_shard(source: str, name: str) -> BinaryIO:
        return tokens.open(f"{source}/{name}.bin")

    return open_shard
