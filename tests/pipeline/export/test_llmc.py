"""The files of llm.c and nanoGPT, byte for byte, and as llm.c's own loader checks them."""

import io

import numpy as np
import pytest

from pipeline.export.llmc import LlmC, NanoGpt

NARROW, WIDE = LlmC(dtype=np.dtype("<u2")), LlmC(dtype=np.dtype("<u4"))


@pytest.mark.parametrize("layout, said", [(NARROW, [20240520, 1, 3]), (WIDE, [20240801, 7, 3])])
def test_the_header_is_256_integers(layout, said):
    header = np.frombuffer(layout.header(3), "<i4")
    assert len(header) == 256
    assert header[:3].tolist() == said
    assert not header[3:].any()


@pytest.mark.parametrize("layout", [NARROW, WIDE])
def test_the_ids_are_found_behind_it(layout):
    ids = np.arange(5).astype(layout.dtype).tobytes()
    assert layout.find_ids(io.BytesIO(layout.header(5) + ids)) == (1024, 5)


@pytest.mark.parametrize(
    "raw", [NARROW.header(3) + bytes(4), NARROW.header(1) + bytes(3), WIDE.header(2) + bytes(8), b""]
)
def test_what_llm_c_would_refuse_is_refused(raw):
    with pytest.raises(ValueError, match=r"no file of llm.c|are no ids"):
        NARROW.find_ids(io.BytesIO(raw))


def test_the_count_is_an_int32():
    assert np.frombuffer(NARROW.header(NARROW.max_tokens), "<i4")[2] == (1 << 31) - 1
    with pytest.raises(OverflowError):
        NARROW.header(NARROW.max_tokens + 1)


def test_files_match_the_pattern_that_llm_c_is_given():
    assert [NARROW.file_name("train", number) for number in (0, 12)] == ["train_000000.bin", "train_000012.bin"]
    assert (NARROW.index_name, NARROW.index([])) == ("", b"")


def test_nanogpt_has_one_file_of_ids_and_nothing_else():
    layout = NanoGpt(dtype=np.dtype("<u2"))
    assert (layout.header(9), layout.max_tokens, layout.file_name("val", 0)) == (b"", 0, "val.bin")
    assert layout.find_ids(io.BytesIO(bytes(8))) == (0, 4)
    assert (layout.index_name, layout.index([])) == ("", b"")


def test_nanogpt_refuses_wide_ids():
    with pytest.raises(ValueError, match="nanogpt reads uint16 alone, and these ids are uint32"):
        NanoGpt(dtype=np.dtype("<u4"))
