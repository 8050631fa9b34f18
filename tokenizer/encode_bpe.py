"""The loop over texts of a BPE model."""

from typing import Any, NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from tokenizer.joints import CUTS, JOINTS, Joints, build_joints, next_cuts
from tokenizer.kernels import BYTES, OFFSETS, compiled, next_code_point
from tokenizer.merges import MERGES, Merges, build_merges, cut_into_pieces
from tokenizer.segments import IDS, INLINE_IDS, MAX_SEGMENT_BYTES, SEGMENTS, Segments, append, find, insert, segment_key
from tokenizer.sentencepiece_model import Kind, SentencePieceModel
from tokenizer.trie import NONE, TRIE, Trie, build, exact, longest
from tokenizer.unknown import UNKNOWN, Unknown, merge_unknown, most_ids, unknown_of, write_unknown


class Bpe(NamedTuple):
    """What the loop reads; `own` holds the user's own symbols, which are never merged."""

    joints: Joints
    merges: Merges
    own: Trie
    has_own: bool
    unknown: Unknown
    most_ids: int


BPE = numba.types.NamedTuple((JOINTS, MERGES, TRIE, numba.boolean, UNKNOWN, numba.int64), Bpe)


def build_bpe(model: SentencePieceModel) -> Bpe:
    """The loop's view of a model."""
    normal, own = (_pieces(model, kind) for kind in (Kind.NORMAL, Kind.USER_DEFINED))
    return Bpe(
        joints=build_joints(piece.decode() for piece in (*normal.values(), *own.values())),
        merges=build_merges(build(list(normal.values()), list(normal)), model.scores),
        own=build(list(own.values()), list(own)),
        has_own=bool(own),
        unknown=unknown_of(model),
        most_ids=most_ids(model),
    )


def _pieces(model: SentencePieceModel, kind: Kind) -> dict[int, bytes]:
    return {i: own for i in model.ids_of(kind) if (own := model.own(model.pieces[i])) is not None}


@compiled(numba.int64(TRIE, BYTES, numba.int64, numba.int64))
def _own_cut(own: Trie, text: NDArray[np.uint8], start: int, end: int) -> Any:
    """Where a symbol of the user's own ends that begins here, or the next one begins; at the latest `end`."""
    at = longest(own, text, start, end)
    if at > start:
        return at
    _, at = next_code_point(text, start, end)
    while at < end and longest(own, text, at, end) == at:
        _, at = next_code_point(text, at, end)
    return at


@compiled(numba.int64(BPE, BYTES, numba.int64, numba.int64, numba.int64[::1]))
def _next_cuts(bpe: Bpe, text: NDArray[np.uint8], start: int, end: int, cuts: NDArray[np.int64]) -> Any:
    """What `next_cuts` writes, with cuts before and behind each symbol of the user's own."""
    if not bpe.has_own:
        return next_cuts(bpe.joints, text, start, end, cuts)
    found = np.empty(2, np.int64)
    at, stop, count = start, start, 0
    while at < end and count < len(cuts):
        if at == stop:
            next_cuts(bpe.joints, text, at, end, found)
            stop = found[0]
        at = _own_cut(bpe.own, text, at, stop)
        cuts[count] = at
        count += 1
    return count


@compiled(numba.int64(BPE, BYTES, numba.int64, numba.int64, IDS, numba.int64))
def _write_pieces(bpe: Bpe, text: NDArray[np.uint8], start: int, end: int, ids: Any, used: int) -> Any:
    """Writes the ids of a segment, and returns how many."""
    own = exact(bpe.own, text, start, end)
    if own != NONE:
        ids[used] = own
        return 1
    begin = used
    cuts = np.empty(end - start + 1, np.int64)
    for piece in range(cut_into_pieces(bpe.merges, text, start, end, cuts)):
        found = exact(bpe.merges.pieces, text, cuts[piece], cuts[piece + 1])
        if found == NONE:
            used += write_unknown(bpe.unknown, text, cuts[piece], cuts[piece + 1], ids, used)
        else:
            ids[used] = found
            used += 1
    return merge_unknown(ids, begin, begin, used - begin, bpe.unknown.unk)


@compiled(numba.int64(BPE, SEGMENTS, BYTES, numba.int64, numba.int64, numba.int64, IDS, numba.int64))
def _write_new(
    bpe: Bpe, table: Segments, text: NDArray[np.uint8], start: int, end: int, slot: int, ids: Any, used: int
) -> Any:
    """Writes the ids of a segment that the table does not hold, and into the table; returns how many."""
    count = _write_pieces(bpe, text, start, end, ids, used)
    if end - start <= MAX_SEGMENT_BYTES:
        insert(table, text, start, end - start, slot, ids, used, count, 0.0)
    return count


@compiled(numba.types.Tuple((IDS, numba.int64[::1]))(BPE, SEGMENTS, BYTES, OFFSETS))
def encode_bpe(bpe: Bpe, table: Segments, text: NDArray[np.uint8], offsets: NDArray[np.int64]) -> Any:
    """Ids and their offsets of normalised texts."""
    ends = np.zeros(len(offsets), np.int64)
    ids = np.empty((offsets[-1] - offsets[0]) * bpe.most_ids + INLINE_IDS, np.int32)
    cuts = np.empty(CUTS, np.int64)
    unk = bpe.unknown.unk
    words, arena, numbers, arena_ids = table.words, table.arena, table.numbers, table.arena_ids
    used = 0
    for index in range(len(offsets) - 1):
        at, end, begin = offsets[index], offsets[index + 1], used
        while at < end:
            for cut in range(_next_cuts(bpe, text, at, end, cuts)):
                stop = cuts[cut]
                slot: Any = np.int64(NONE)
                if stop - at <= MAX_SEGMENT_BYTES:
                    slot = find(words, arena, text, at, segment_key(text, at, stop - at))
                if slot >= 0:
                    count = append(numbers, arena_ids, slot, ids, used)
                else:
                    count = _write_new(bpe, table, text, at, stop, slot, ids, used)
                if ids[used] == unk:
                    count = merge_unknown(ids, begin, used, count, unk)
                used += count
                at = stop
        ends[index + 1] = used
    return ids[:used].copy(), ends
