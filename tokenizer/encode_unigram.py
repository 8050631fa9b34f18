"""The loop over texts of a unigram model."""

from typing import Any, NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from tokenizer.joints import CUTS, JOINTS, Joints, build_joints, next_cuts
from tokenizer.kernels import BYTES, OFFSETS, compiled
from tokenizer.segments import (
    COUNT,
    FEW_IDS,
    FIRST_ID,
    IDS,
    INLINE_IDS,
    LIMIT,
    MAX_SEGMENT_BYTES,
    SEGMENTS,
    Segments,
    append,
    find,
    find_all,
    insert,
    make_room,
)
from tokenizer.sentencepiece_model import Kind, SentencePieceModel
from tokenizer.trie import NONE, build
from tokenizer.unknown import UNKNOWN, Unknown, merge_unknown, most_ids, unknown_of, write_unknown
from tokenizer.viterbi import PATHS, UNIGRAM, UNKNOWN_PENALTY, Paths, Unigram, empty_paths, find_paths


class UnigramEncoder(NamedTuple):
    """What the loop reads."""

    joints: Joints
    unigram: Unigram
    unknown: Unknown
    most_ids: int


UNIGRAM_ENCODER = numba.types.NamedTuple((JOINTS, UNIGRAM, UNKNOWN, numba.int64), UnigramEncoder)


def build_unigram(model: SentencePieceModel) -> UnigramEncoder:
    """The loop's view of a model."""
    ids = model.ids_of(Kind.NORMAL, Kind.USER_DEFINED)
    found = {i: own for i in ids if (own := model.own(model.pieces[i])) is not None}
    scores = model.scores.copy()
    for i in model.ids_of(Kind.USER_DEFINED):
        scores[i] = np.float32(0.1 * (len(model.pieces[i]) - 1))
    lowest = model.scores[model.ids_of(Kind.NORMAL)].min(initial=np.finfo(np.float32).max)
    return UnigramEncoder(
        build_joints(piece.decode() for piece in found.values()),
        Unigram(build(list(found.values()), list(found)), scores, np.float32(lowest - UNKNOWN_PENALTY)),
        unknown_of(model),
        most_ids(model),
    )


@compiled(numba.int64(UNIGRAM_ENCODER, BYTES, numba.int64, numba.int64, PATHS, IDS, numba.int64))
def _write_best(
    encoder: UnigramEncoder, text: NDArray[np.uint8], start: int, end: int, paths: Paths, ids: Any, used: int
) -> Any:
    """Writes the ids of the best row of pieces, a run of unknown characters not yet as one; returns how many."""
    begin = used
    # Turn the row round: what says where each piece begins now says where it ends.
    after: Any = np.int64(NONE)
    at: Any = end - start
    while at > 0:
        before = paths.starts[at]
        paths.starts[at] = after
        after, at = at, before
    at = 0
    while after != NONE:
        if paths.ids[after] == NONE:
            used += write_unknown(encoder.unknown, text, start + at, start + after, ids, used)
        else:
            ids[used] = paths.ids[after]
            used += 1
        at, after = after, paths.starts[after]
    return used - begin


@compiled(
    numba.types.Tuple((numba.int64, numba.float32))(
        UNIGRAM_ENCODER, SEGMENTS, BYTES, numba.int64, numba.int64, numba.int64, numba.float32, PATHS, IDS, numba.int64
    )
)
def _write_new(
    encoder: UnigramEncoder,
    table: Segments,
    text: NDArray[np.uint8],
    start: int,
    end: int,
    slot: int,
    total: Any,
    scratch: Paths,
    ids: Any,
    used: int,
) -> Any:
    """Writes the ids of a segment that the table does not answer; returns how many and the sum after it."""
    size = end - start
    weigh = size <= MAX_SEGMENT_BYTES
    paths = scratch if weigh else empty_paths(size, False)
    limit = find_paths(encoder.unigram, text, start, end, total, paths, weigh)
    at: Any = size
    known, pieces = True, 0
    while at > 0:
        known &= paths.ids[at] != NONE
        pieces += 1
        at = paths.starts[at]
    count = _write_best(encoder, text, start, end, paths, ids, used)
    if slot < 0 and weigh and abs(total) < limit and (known or pieces == 1):
        insert(table, text, start, size, ids, used, count, limit if known else -limit)
    return count, paths.sums[size]


@compiled(
    numba.types.Tuple((numba.int64, numba.int64, numba.float32))(
        numba.int32[:, ::1],
        numba.float32[:, ::1],
        numba.float32[::1],
        numba.int64[::1],
        numba.int64,
        numba.int64,
        numba.float32,
        numba.int32,
        numba.float32,
        IDS,
        numba.int64,
        numba.int64,
    )
)
def _copy_found(
    numbers: Any,
    limits: Any,
    scores: Any,
    slots: Any,
    segment: int,
    segments: int,
    unknown_score: Any,
    unk: int,
    total: Any,
    ids: Any,
    begin: int,
    used: Any,
) -> Any:
    """Writes the ids of one segment after the other, up to one that is not found or takes more than copying a few ids.

    Returns its number, how many ids there are and their sum. This is where most of the time goes: it calls nothing,
    because a call with arrays costs more than what is done here for a segment.
    """
    while segment < segments:
        if slots[np.uint64(segment)] < 0:
            break
        slot = np.uint64(slots[np.uint64(segment)])
        count, limit = np.int64(numbers[slot, COUNT]), limits[slot, LIMIT]
        if count > FEW_IDS or abs(total) >= abs(limit):
            break
        if limit < 0:
            total += unknown_score
            if numbers[slot, FIRST_ID] == unk and used > begin and ids[used - 1] == unk:
                used -= 1
            for index in range(FEW_IDS):
                ids[np.uint64(used + index)] = numbers[slot, np.uint64(FIRST_ID + index)]
        else:
            for index in range(FEW_IDS):
                token = numbers[slot, np.uint64(FIRST_ID + index)]
                ids[np.uint64(used + index)] = token
                score = scores[np.uint64(token)]
                total += score if index < count else np.float32(0)
        used += count
        segment += 1
    return segment, used, total


@compiled(
    numba.types.Tuple((numba.int64, numba.float32))(
        UNIGRAM_ENCODER, SEGMENTS, BYTES, numba.int64, numba.int64, numba.int64, numba.float32, PATHS, IDS, numba.int64
    )
)
def _write_segment(
    encoder: UnigramEncoder,
    table: Segments,
    text: NDArray[np.uint8],
    start: int,
    end: int,
    slot: Any,
    total: Any,
    scratch: Paths,
    ids: Any,
    used: int,
) -> Any:
    """Writes the ids of a segment, which may be in another slot or none; returns how many, and the sum after it."""
    size = end - start
    if size > MAX_SEGMENT_BYTES:
        return _write_new(encoder, table, text, start, end, slot, total, scratch, ids, used)
    if slot < 0:
        slot = find(table.words, table.arena, text, start, size)
    limit = table.limits[slot, LIMIT] if slot >= 0 else np.float32(0)
    if abs(total) >= abs(limit):
        return _write_new(encoder, table, text, start, end, slot, total, scratch, ids, used)
    count = append(table, slot, ids, used)
    if limit < 0:
        return count, total + encoder.unigram.unknown_score
    for place in range(used, used + count):
        total += encoder.unigram.scores[ids[place]]
    return count, total


@compiled(numba.types.Tuple((IDS, numba.int64[::1]))(UNIGRAM_ENCODER, SEGMENTS, BYTES, OFFSETS))
def encode_unigram(
    encoder: UnigramEncoder, table: Segments, text: NDArray[np.uint8], offsets: NDArray[np.int64]
) -> Any:
    """Ids and their offsets of normalised texts."""
    ends = np.zeros(len(offsets), np.int64)
    ids = np.empty((offsets[-1] - offsets[0]) * encoder.most_ids + INLINE_IDS, np.int32)
    cuts, slots = np.empty(CUTS, np.int64), np.empty(CUTS, np.int64)
    scratch = empty_paths(MAX_SEGMENT_BYTES, True)
    scores, unknown_score, unk = encoder.unigram.scores, encoder.unigram.unknown_score, encoder.unknown.unk
    words, arena, numbers, limits = table.words, table.arena, table.numbers, table.limits
    used = 0
    for index in range(len(offsets) - 1):
        at, end, begin = offsets[index], offsets[index + 1], used
        total: Any = np.float32(0)
        while at < end:
            segments = next_cuts(encoder.joints, text, at, end, cuts)
            make_room(table, segments)
            find_all(words, arena, text, at, cuts, segments, slots)
            segment = 0
            while segment < segments:
                segment, used, total = _copy_found(
                    numbers, limits, scores, slots, segment, segments, unknown_score, unk, total, ids, begin, used
                )
                if segment < segments:
                    at = cuts[segment - 1] if segment else at
                    stop, slot = cuts[segment], slots[segment]
                    count, total = _write_segment(encoder, table, text, at, stop, slot, total, scratch, ids, used)
                    used += merge_unknown(ids, begin, used, count, unk)
                    segment += 1
            at = cuts[segments - 1]
        ends[index + 1] = used
    return ids[:used].copy(), ends
