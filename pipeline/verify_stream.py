"""Checks of the stream: its record against the plan, and each of its shards, piece by piece, against the sources.

A piece is what lies in one run within one block of a source: a sequence, or a part of one. Of each piece both sides
make a sum of 64 bits: whoever reads the token shard says which sum belongs at which token of the stream, and whoever
reads the stream shard compares it with what lies there.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mixtures.plan import Phase
from mixtures.stream import RECORD_NAME, shard_name, stream_digest
from pipeline.mix import MixPlan, stream_record
from pipeline.storage import Folder
from pipeline.verify_faults import Fault

STREAM = "stream"
WHERE = f"{STREAM}/{RECORD_NAME}"
LOCATED = 4096
"""Of so many wrong pieces of a stream shard it is found out what they are instead."""
CHUNK_BYTES = 8 << 20

SUMS = np.dtype([("token", "<i8"), ("sum", "<u8")])
"""A piece: the token of the stream with which it begins, and its sum."""


def checksums(data: bytes | memoryview, width: int) -> NDArray[np.uint64]:
    """64 bits of BLAKE2b of each `width` bytes."""
    rows = memoryview(data)
    found = (hashlib.blake2b(rows[at : at + width], digest_size=8).digest() for at in range(0, len(rows), width))
    return np.frombuffer(b"".join(found), "<u8")


@dataclass(slots=True, kw_only=True)
class StreamProof:
    """What was found of one stream shard. `proven` is sequences that are right, by source.

    `drift` is (sequences, lowest, highest) by source: how far the source strays from its share within the shard,
    counted from where the shard begins, in sequences times the length of the phase's schedule.
    """

    size: int | None
    digest: str
    proven: dict[str, int] = field(default_factory=dict)
    unknown: int = 0
    drift: dict[str, tuple[int, int, int]] = field(default_factory=dict)
    wrong: list[tuple[int, int, int, int]] = field(default_factory=list)
    """(token, sum that belongs there, sum that lies there, token where that belongs within this shard or -1)."""
    wrong_pieces: int = 0
    planned_digest: str = ""
    found_digest: str = ""
    detail: str = ""
    slip: str = ""
    twice: int = 0

    def to_json(self) -> dict[str, Any]:
        """The proof as a JSON object."""
        return asdict(self)


def prove_stream_shard(mix: MixPlan, index: int, output: Folder, packs: Iterable[bytes]) -> StreamProof:
    """Read a stream shard once, beside the sums that its sources say belong there."""
    shard = mix.stream_shards[index]
    phase, plan = shard.phase, mix.plan
    pieces = shard.tokens // phase.piece_tokens
    planned, known, twice = _planned(packs, shard.first_token, phase.piece_tokens, pieces)
    width = phase.piece_tokens * mix.dtype.itemsize
    size, digest, found = _read(output, f"{STREAM}/{shard_name(index)}", width)
    proof = StreamProof(size=size, digest=digest, twice=twice)
    source = plan.source_of(shard.first, shard.end - shard.first)
    proof.drift = {name: _drift(source == number, phase, number) for number, name in enumerate(plan.names)}
    proof.unknown = int((~known).sum())
    if size is None:
        return proof
    if size != shard.tokens * mix.dtype.itemsize:
        proof.slip = _slip(planned, found, shard.first_token, phase.piece_tokens)
        return proof
    right = known & (planned == found)
    whole = right.reshape(-1, phase.pieces).all(axis=1)
    counts = np.bincount(source[whole], minlength=len(plan.names)).tolist()
    proof.proven = dict(zip(plan.names, counts, strict=True))
    proof.planned_digest = hashlib.blake2b(planned.tobytes(), digest_size=16).hexdigest()
    proof.found_digest = hashlib.blake2b(found.tobytes(), digest_size=16).hexdigest()
    wrong = np.flatnonzero(known & ~right)
    proof.wrong_pieces = len(wrong)
    elsewhere = {int(planned[at]): int(at) for at in np.flatnonzero(known & np.isin(planned, found[wrong]))}
    for at in wrong[:LOCATED].tolist():
        lies = elsewhere.get(int(found[at]), -1)
        home = -1 if lies < 0 else shard.first_token + lies * phase.piece_tokens
        token = shard.first_token + at * phase.piece_tokens
        proof.wrong.append((token, int(planned[at]), int(found[at]), home))
    return proof


def _planned(
    packs: Iterable[bytes], first: int, width: int, pieces: int
) -> tuple[NDArray[np.uint64], NDArray[np.bool_], int]:
    """For each piece its sum, whether one was told, and how many were told more than once."""
    sums, times = np.zeros(pieces, np.uint64), np.zeros(pieces, np.int64)
    for pack in packs:
        told = np.frombuffer(pack, SUMS)
        places = (told["token"] - first) // width
        sums[places] = told["sum"]
        np.add.at(times, places, 1)
    return sums, times > 0, int((times > 1).sum())


def _read(output: Folder, name: str, width: int) -> tuple[int | None, str, NDArray[np.uint64]]:
    """(bytes, digest, sums of the whole pieces) of a stream shard, a chunk in memory at a time."""
    digest, size, found = hashlib.blake2b(digest_size=16), 0, [np.empty(0, np.uint64)]
    try:
        stream = output.open(name)
    except FileNotFoundError:
        return None, "", found[0]
    with stream:
        while chunk := stream.read(max(1, CHUNK_BYTES // width) * width):
            digest.update(chunk)
            size += len(chunk)
            found.append(checksums(memoryview(chunk)[: len(chunk) // width * width], width))
    return size, digest.hexdigest(), np.concatenate(found)


def _slip(planned: NDArray[np.uint64], found: NDArray[np.uint64], first: int, width: int) -> str:
    """Where a shard of another size lacks pieces, or has some twice, if all others are right."""
    short = len(planned) - len(found)
    common = min(len(planned), len(found))
    differs = np.flatnonzero(planned[:common] != found[:common])
    at = int(differs[0]) if differs.size else common
    if short > 0 and np.array_equal(planned[at + short :], found[at:]):
        return f"sequence_missing {first + at * width}"
    if short < 0 and np.array_equal(planned[at:], found[at - short :]):
        return f"sequence_doubled {first + at * width}"
    return ""


def _drift(mine: NDArray[np.bool_], phase: Phase, number: int) -> tuple[int, int, int]:
    """(sequences, lowest, highest distance from the share) of a source over these positions, in exact numbers."""
    share, whole = phase.schedule.dealt[number], sum(phase.schedule.dealt)
    away = np.cumsum(mine) * whole - np.arange(1, len(mine) + 1) * share
    return int(mine.sum()), min(0, int(away.min())), max(0, int(away.max()))


def record_faults(record: Mapping[str, Any], mix: MixPlan, written: Sequence[Mapping[str, Any]]) -> Iterator[Fault]:
    """What `stream.json` says against what recipe, token shards and the stream's files give."""
    expected = stream_record(mix, written)
    yield from _source_faults(record, expected)
    for key in sorted(set(mix.record) - {"sources"}):
        if record.get(key) != expected[key]:
            detail = f"{key} is {_short(record.get(key))}, the plan's is {_short(expected[key])}"
            yield Fault(name="plan_differs", where=WHERE, detail=detail)
    held = record.get("shards")
    shards = held if isinstance(held, list) else []
    if len(shards) != len(expected["shards"]):
        detail = f"it has {len(shards)} shards, the plan {len(expected['shards'])}"
        yield Fault(name="plan_differs", where=WHERE, detail=detail)
    for found, planned in zip(shards, expected["shards"], strict=False):
        kept = {key: value for key, value in found.items() if key != "made"} if isinstance(found, dict) else found
        if kept != planned:  # `made` is the digest from before a takedown masked documents.
            detail = f"it says {_short(found)} of what is {_short(planned)}"
            yield Fault(name="stream_record_differs", where=WHERE, detail=detail)
    if record.get("digest") != _own_digest(record):
        yield Fault(name="stream_record_differs", where=WHERE, detail="its digest is not that of its parts")


def _source_faults(record: Mapping[str, Any], expected: Mapping[str, Any]) -> Iterator[Fault]:
    held = record.get("sources")
    said: Mapping[str, Any] = held if isinstance(held, dict) else {}
    planned: Mapping[str, Any] = expected["sources"]
    for source in sorted({*planned, *said}):
        one, other = said.get(source), planned.get(source)
        if one == other:
            continue
        available = one.get("available_tokens") if isinstance(one, dict) else None
        if other and available != other["available_tokens"]:
            detail = f"{source} has {other['available_tokens']} tokens, the stream was mixed of {available}"
            yield Fault(name="tokens_differ", where=WHERE, detail=detail)
        else:
            detail = f"{source}: {_short(one)} is not the plan's {_short(other)}"
            yield Fault(name="plan_differs", where=WHERE, detail=detail)


def _own_digest(record: Mapping[str, Any]) -> str | None:
    try:
        return stream_digest(record)
    except (KeyError, TypeError, AttributeError):  # Something is missing, or of another kind.
        return None


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= 200 else f"{text[:200]}…"


def shard_faults(mix: MixPlan, proofs: Sequence[StreamProof], said: Mapping[str, Mapping[str, Any]]) -> Iterator[Fault]:
    """What is wrong with the stream's shards: files, then which of their sequences, and what these are instead."""
    names = [f"{STREAM}/{shard_name(index)}" for index in range(len(proofs))]
    digests = {str(said[name]["digest"]): name for name in names if name in said}
    planned = {proof.planned_digest: name for name, proof in zip(names, proofs, strict=True) if proof.planned_digest}
    homes = {entry[1]: entry[0] for proof in proofs for entry in proof.wrong}
    for name, proof, shard in zip(names, proofs, mix.stream_shards, strict=True):
        if proof.size is None:
            yield Fault(name="file_missing", where=name, detail="no such file")
            continue
        moved = planned.get(proof.found_digest) if proof.wrong_pieces else None
        recorded = said.get(name)
        if recorded and proof.digest != recorded["digest"]:
            moved = moved or digests.get(proof.digest)
        if moved and moved != name:
            yield Fault(name="stream_shard_moved", where=name, detail=f"it holds what belongs in {moved}")
        yield from _size_faults(name, proof, mix, shard.tokens * mix.dtype.itemsize, recorded)
        if not (moved and moved != name):
            yield from _piece_faults(name, proof, mix, homes)
        if proof.twice:
            detail = f"{proof.twice} pieces were planned there twice"
            yield Fault(name="plan_not_whole", where=name, detail=detail)


def _size_faults(
    name: str, proof: StreamProof, mix: MixPlan, planned: int, recorded: Mapping[str, Any] | None
) -> Iterator[Fault]:
    if proof.size != planned:
        detail = f"it has {proof.size} bytes, its sequences take {planned}"
        yield Fault(name="size_differs", where=name, detail=detail)
        if proof.slip:
            kind, _, token = proof.slip.partition(" ")
            detail = f"from {position(mix, int(token))} on, the rest is in order"
            yield Fault(name=kind, where=name, detail=detail)
    elif recorded and proof.digest != recorded["digest"]:
        detail = f"it is {proof.digest}, its done record says {recorded['digest']}"
        yield Fault(name="digest_differs", where=name, detail=detail)


def _piece_faults(name: str, proof: StreamProof, mix: MixPlan, homes: Mapping[int, int]) -> Iterator[Fault]:
    """One fault a kind: how many pieces, and of the first what it is."""
    kinds: dict[str, list[str]] = {}
    missing = {entry[1] for entry in proof.wrong}
    for token, _, found, near in proof.wrong:
        if found in homes:
            kind, told = "sequence_moved", f"{position(mix, token)} holds that of {position(mix, homes[found])}"
        elif near >= 0 and found not in missing:
            kind, told = (
                "sequence_doubled",
                f"{position(mix, token)} holds that of {position(mix, near)}, which lies there too",
            )
        else:
            kind, told = "sequence_altered", f"{position(mix, token)} is not {_origin(mix, token)}"
        kinds.setdefault(kind, []).append(told)
    for kind, details in sorted(kinds.items()):
        more = f" ({len(details)} in all)" if len(details) > 1 else ""
        yield Fault(name=kind, where=name, detail=details[0] + more)
    if proof.wrong_pieces > len(proof.wrong):
        detail = f"{proof.wrong_pieces - len(proof.wrong)} pieces more are not those of the plan"
        yield Fault(name="sequence_altered", where=name, detail=detail)


def position(mix: MixPlan, token: int) -> str:
    """Where a token of the stream lies, in words: its position, and the piece where a sequence has several."""
    phase = next(phase for phase in mix.plan.phases if token < phase.first_token + phase.tokens)
    at, within = divmod(token - phase.first_token, phase.sequence_tokens)
    piece = f", piece {within // phase.piece_tokens}" if phase.pieces > 1 else ""
    return f"position {phase.first + at}{piece}"


def _origin(mix: MixPlan, token: int) -> str:
    """What the plan puts at a token of the stream, in words."""
    plan = mix.plan
    phase = next(phase for phase in plan.phases if token < phase.first_token + phase.tokens)
    at, within = divmod(token - phase.first_token, phase.sequence_tokens)
    places, piece = plan.places(np.array([phase.first + at])), within // phase.piece_tokens
    start, epoch = int(places.token[0, piece]), int(places.epoch[0, piece])
    return f"of {plan.names[int(places.source[0])]} from token {start} (epoch {epoch})"
