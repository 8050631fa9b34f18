"""What layouts of a header and ids have in common."""

import io

import pytest

from pipeline.export.layout import ids_to_the_end


@pytest.mark.parametrize("size, start, width, count", [(10, 0, 2, 5), (10, 2, 4, 2), (4, 4, 2, 0), (1024, 1024, 4, 0)])
def test_ids_are_counted_from_the_start_to_the_end(size, start, width, count):
    assert ids_to_the_end(io.BytesIO(bytes(size)), start, width) == count


@pytest.mark.parametrize("size, start, width", [(11, 0, 2), (9, 2, 4), (3, 4, 2), (0, 1, 2)])
def test_an_id_that_is_cut_short_is_refused(size, start, width):
    with pytest.raises(ValueError, match=f"bytes behind byte {start} are no ids of {width} bytes"):
        ids_to_the_end(io.BytesIO(bytes(size)), start, width)
