"""The loop over texts of a unigram model."""

from typing import Any, NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from tokenizer.joints import CUTS, JOINTS, Joints, build_joints, next_cuts
from tokenizer.kernels import BYTES, OFFSETS, compiled, compiled_lean
from tokenizer.segments import (
    COUNT,
    FEW_IDS,
    FIRST_ID,
    IDS,
    INLINE_IDS,
    LIMIT,
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


@compiled_lean(numba.int64(UNKNOWN, BYTES, numba.int64, numba.int64, numba.int64[::1], IDS, IDS, numba.int64))
def _write_best(
    unknown: Unknown, text: NDArray[np.uint8], start: int, end: int, starts: Any, pieces: Any, ids: Any, used: int
) -> Any:
    """Writes the ids of the best row of pieces, a run of unknown characters not yet as one; returns how many.

    `starts` and `pieces` are the paths' and are spoiled.
    """
    begin = used
    # Turn the row round: what says where each piece begins now says where it ends.
    after: Any = np.int64(NONE)
    at: Any = end - start
    while at > 0:
        before = starts[at]
        starts[at] = after
        after, at = at, before
    at = 0
    while after != NONE:
        if pieces[after] == NONE:
            used += write_unknown(unknown, text, start + at, start + after, ids, used)
        else:
            ids[used] = pieces[after]
            used += 1
        at, after = after, starts[after]
    return used - begin


@compiled_lean(numba.float32(numba.int64[::1], IDS, numba.int64, numba.float32))
def _signed_limit(starts: Any, pieces: Any, size: int, limit: float) -> Any:
    """The limit as the table keeps it: negative for a single unknown character, which scores what no id says.

    And 0 where such a one stands among others, so that these segments are scored anew each time.
    """
    at: Any = size
    while at > 0:
        if pieces[at] == NONE:
            return -limit if at == size and starts[at] == 0 else np.float32(0)
        at = starts[at]
    return limit


@compiled_lean(
    numba.void(
        UNIGRAM_ENCODER,
        SEGMENTS,
        BYTES,
        numba.int64,
        numba.int64[::1],
        numba.int64,
        numba.int64[::1],
        PATHS,
        IDS,
    )
)
def _learn(
    encoder: UnigramEncoder,
    table: Segments,
    text: NDArray[np.uint8],
    start: int,
    cuts: NDArray[np.int64],
    segments: int,
    slots: NDArray[np.int64],
    paths: Paths,
    ids: NDArray[np.int32],
) -> None:
    """Puts the segments that have no slot into the table, if they are not too long."""
    nothing: Any = np.float32(0)
    at = start
    for segment in range(segments):
        size = cuts[segment] - at
        if slots[segment] < 0 and size <= MAX_SEGMENT_BYTES:
            slot = find(table.words, table.arena, text, at, size)
            if slot < 0:
                limit = find_paths(encoder.unigram, text, at, cuts[segment], nothing, paths, True)
                limit = _signed_limit(paths.starts, paths.ids, size, limit)
                count = _write_best(encoder.unknown, text, at, cuts[segment], paths.starts, paths.ids, ids, 0)
                slot = insert(table, text, at, size, ids, count, limit)
            slots[segment] = slot
        at = cuts[segment]


@compiled_lean(
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
    slot: int,
    total: Any,
    scratch: Paths,
    ids: Any,
    used: int,
) -> Any:
    """Writes the ids of a segment that is not just copied; returns how many, and the sum after it."""
    size = end - start
    limit = table.limits[slot, LIMIT] if slot >= 0 else np.float32(0)
    if abs(total) < limit:
        count = append(table, slot, ids, used)
        for place in range(used, used + count):
            total += encoder.unigram.scores[ids[place]]
        return count, total
    paths = scratch if size <= MAX_SEGMENT_BYTES else empty_paths(size, False)
    find_paths(encoder.unigram, text, start, end, total, paths, False)
    count = _write_best(encoder.unknown, text, start, end, paths.starts, paths.ids, ids, used)
    return count, paths.sums[size]


@compiled(numba.types.Tuple((IDS, numba.int64[::1]))(UNIGRAM_ENCODER, SEGMENTS, BYTES, OFFSETS))
def encode_unigram(
    encoder: UnigramEncoder, table: Segments, text: NDArray[np.uint8], offsets: NDArray[np.int64]
) -> Any:
    """Ids and their offsets of normalised texts."""
    ends = np.zeros(len(offsets), np.int64)
    ids = np.empty((offsets[-1] - offsets[0]) * encoder.most_ids + INLINE_IDS, np.int32)
    cuts, slots = np.empty(CUTS, np.int64), np.empty(CUTS, np.int64)
    scratch = empty_paths(MAX_SEGMENT_BYTES, True)
    fresh = np.empty(MOST_IDS * MAX_SEGMENT_BYTES, np.int32)
    scores, unknown_score, unk = encoder.unigram.scores, encoder.unigram.unknown_score, encoder.unknown.unk
    words, arena, numbers, limits = table.words, table.arena, table.numbers, table.limits
    used = 0
    for index in range(len(offsets) - 1):
        at, end, begin = offsets[index], offsets[index + 1], used
        total: Any = np.float32(0)
        while at < end:
            segments = next_cuts(encoder.joints, text, at, end, cuts)
            make_room(table, segments)
            if find_all(words, arena, text, at, cuts, segments, slots) < segments:
                _learn(encoder, table, text, at, cuts, segments, slots, scratch, fresh)
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
