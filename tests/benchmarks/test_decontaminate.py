"""What is found is what n-grams in a Python set find; the stage is measured on one, four and sixteen times the text."""

import dataclasses

import pyarrow as pa
import pytest

from benchmarks import decontaminate
from benchmarks.claims import DisagreementError
from benchmarks.decontaminate import UNIT, agree, plain_index, plain_verdict, sets_and_pages, timed_unit
from benchmarks.growth import in_own_process
from filters.contamination import CONTAMINATION

WORDS = " ".join(f"w{number}" for number in range(20))


def found(*rows):
    return pa.array(
        [row and [{"item": item, "found": n} for item, n in row.items()] for row in rows], CONTAMINATION.type
    )


def test_decontaminate_gives_figures(inputs):
    figures = decontaminate.decontaminate(inputs)
    assert (figures.unit, figures.input_bytes > 100_000) == ("MB/s", True)
    assert figures.ours > 0 < figures.reference


def test_some_pages_hold_an_item(inputs):
    items, pages = sets_and_pages(inputs)
    plain = plain_index(items)
    hit = [place for place, text in enumerate(pages) if plain_verdict(text, plain)]
    assert set(range(0, len(pages), 50)) <= set(hit)
    assert len(hit) < len(pages) / 2


def test_the_reference_passes_over_template_and_numbers():
    numbers = " ".join(map(str, range(13)))
    assert plain_index([numbers]) == {}
    shared = tuple(WORDS.split()[:13])
    assert [shared in plain_index([f"{WORDS} {end}" for end in range(many)]) for many in (10, 11)] == [True, False]
    assert plain_verdict(f"x {WORDS} y", plain_index([WORDS])) == {"0": 8}
    assert plain_verdict("", plain_index([WORDS])) == {}


@pytest.mark.parametrize(
    "mine, theirs, passes",
    [
        (found(None, {"1": 8}), [{}, {"1": 8}], True),
        (found({"1": 8}), [{"1": 8, "2": 3}], True),
        (found({"2": 3}), [{"1": 8, "2": 3}], False),
        (found({"1": 7}), [{"1": 8}], False),
        (found(None), [{"1": 8}], False),
        (found({"1": 8}), [{}], False),
    ],
)
def test_another_verdict_is_found_out(mine, theirs, passes):
    if passes:
        agree(mine, theirs)
    else:
        with pytest.raises(DisagreementError, match="n-gram by n-gram"):
            agree(mine, theirs)


def test_the_stage_has_a_process_of_its_own(inputs, tmp_path):
    own = dataclasses.replace(inputs, work=tmp_path)
    sizes = [UNIT.write(own, size) for size in (1, 4)]
    assert sizes[1] == 4 * sizes[0]
    seconds, peak = in_own_process(own, UNIT, 4)
    assert seconds > 0 and peak > 50e6
    gone = [timed_unit(tmp_path / f"decontaminate-{size}")["gone"] for size in (1, 4)]
    assert gone[1] == 4 * gone[0] > 0
