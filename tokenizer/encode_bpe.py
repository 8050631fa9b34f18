"""The loop over texts of a BPE model."""

from typing import Any, NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from tokenizer.joints import CUTS, JOINTS, Joints, build_joints, next_cuts
from tokenizer.kernels import BYTES, OFFSETS, compiled, compiled_lean, next_code_point
from tokenizer.merges import MERGES, NODES, STARTS, SYMBOLS, Merges, build_merges, cut_into_pieces, merge
from tokenizer.segments import (
    COUNT,
    FEW_IDS,
    FIRST_ID,
    IDS,
    INLINE_IDS,
    MAX_SEGMENT_BYTES,
    MOST_IDS,
    SEGMENTS,
    Segments,
    append,
    find,
    find_all,
    insert,
    make_room,
)
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


@compiled_lean(numba.int64(TRIE, BYTES, numba.int64, numba.int64))
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
def _write_long(bpe: Bpe, text: NDArray[np.uint8], start: int, end: int, ids: Any, used: int) -> Any:
    """Writes the ids of a segment of any length, and returns how many."""
    begin = used
    own = exact(bpe.own, text, start, end)
    starts = np.empty(end - start + 1, np.int64)
    for piece in range(cut_into_pieces(bpe.merges, text, start, end, starts) if own == NONE else 0):
        found = exact(bpe.merges.pieces, text, starts[piece], starts[piece + 1])
        if found == NONE:
            used += write_unknown(bpe.unknown, text, starts[piece], starts[piece + 1], ids, used)
        else:
            ids[used] = found
            used += 1
    if own != NONE:
        ids[used] = own
        used += 1
    return used - begin


@compiled_lean(
    numba.void(BPE, SEGMENTS, BYTES, numba.int64, numba.int64[::1], numba.int64, numba.int64[::1], SYMBOLS, IDS)
)
def _learn(
    bpe: Bpe,
    table: Segments,
    text: NDArray[np.uint8],
    start: int,
    cuts: NDArray[np.int64],
    segments: int,
    slots: NDArray[np.int64],
    symbols: NDArray[np.int64],
    ids: NDArray[np.int32],
) -> None:
    """Puts the segments that have no slot into the table, if they are not too long."""
    edges, names, ranks_of = bpe.merges.pieces.edges, bpe.merges.pieces.ids, bpe.merges.ranks
    at = start
    for segment in range(segments):
        size = cuts[segment] - at
        if slots[segment] < 0 and size <= MAX_SEGMENT_BYTES:
            slots[segment] = find(table.words, table.arena, text, at, size)
        if slots[segment] < 0 and size <= MAX_SEGMENT_BYTES:
            own = exact(bpe.own, text, at, cuts[segment]) if bpe.has_own else NONE
            ids[0] = own
            count: Any = np.int64(own != NONE)
            for piece in range(merge(edges, ranks_of, text, at, cuts[segment], symbols) if own == NONE else 0):
                node = symbols[NODES, piece]
                ids[count] = names[node] if node != NONE else NONE
                if ids[count] == NONE:
                    start, end = symbols[STARTS, piece], symbols[STARTS, piece + 1]
                    count += write_unknown(bpe.unknown, text, start, end, ids, count)
                else:
                    count += 1
            count = merge_unknown(ids, 0, 0, count, bpe.unknown.unk)
            slots[segment] = insert(table, text, at, size, ids, count, 0.0)
        at = cuts[segment]


@compiled_lean(
    numba.types.UniTuple(numba.int64, 2)(
        numba.int32[:, ::1], numba.int64[::1], numba.int64, numba.int64, numba.int32, IDS, numba.int64, numba.int64
    )
)
def _copy_found(
    numbers: Any, slots: Any, segment: int, segments: int, unk: int, ids: Any, begin: int, used: Any
) -> Any:
    """Writes the ids of one segment after the other, up to one that is not found or takes more than copying a few ids.

    Returns its number and how many ids there are. This is where most of the time goes: it calls nothing, because
    a call with arrays costs more than what is done here for a segment.
    """
    while segment < segments:
        if slots[np.uint64(segment)] < 0:
            break
        slot = np.uint64(slots[np.uint64(segment)])
        count = np.int64(numbers[slot, COUNT])
        if count > FEW_IDS:
            break
        if numbers[slot, FIRST_ID] == unk and used > begin and ids[used - 1] == unk:
            used -= 1
        for index in range(FEW_IDS):
            ids[np.uint64(used + index)] = numbers[slot, np.uint64(FIRST_ID + index)]
        used += count
        segment += 1
    return segment, used


@compiled(numba.types.Tuple((IDS, numba.int64[::1]))(BPE, SEGMENTS, BYTES, OFFSETS))
def encode_bpe(bpe: Bpe, table: Segments, text: NDArray[np.uint8], offsets: NDArray[np.int64]) -> Any:
    """Ids and their offsets of normalised texts."""
    ends = np.zeros(len(offsets), np.int64)
    ids = np.empty((offsets[-1] - offsets[0]) * bpe.most_ids + INLINE_IDS, np.int32)
    cuts, slots = np.empty(CUTS, np.int64), np.empty(CUTS, np.int64)
    symbols = np.empty((4, MAX_SEGMENT_BYTES + 1), np.int64)
    fresh = np.empty(MOST_IDS * MAX_SEGMENT_BYTES, np.int32)
    unk = bpe.unknown.unk
    words, arena, numbers = table.words, table.arena, table.numbers
    used = 0
    for index in range(len(offsets) - 1):
        at, end, begin = offsets[index], offsets[index + 1], used
        while at < end:
            segments = _next_cuts(bpe, text, at, end, cuts)
            make_room(table, segments)
            if find_all(words, arena, text, at, cuts, segments, slots) < segments:
                _learn(bpe, table, text, at, cuts, segments, slots, symbols, fresh)
            segment = 0
            while segment < segments:
                segment, used = _copy_found(numbers, slots, segment, segments, unk, ids, begin, used)
                if segment < segments:
                    at = cuts[segment - 1] if segment else at
                    if slots[segment] < 0:
                        count = _write_long(bpe, text, at, cuts[segment], ids, used)
                    else:
                        count = append(table, slots[segment], ids, used)
                    used += merge_unknown(ids, begin, used, count, unk)
                    segment += 1
            at = cuts[segments - 1]
        ends[index + 1] = used
    return ids[:used].copy(), ends
