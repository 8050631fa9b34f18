import json
from pathlib import Path

import pytest
import torch
import torch.distributed.checkpoint as dcp
from safetensors.torch import load_file, save_file
from torch import Tensor

from trainer import tensor_files
from trainer.errors import DamagedCheckpointError
from trainer.tensor_files import (
    Chunk,
    Converted,
    chunk_of,
    deal,
    file_digests,
    lay_out,
    load_tensors,
    read_index,
    write_files,
)

NUMBERS = torch.arange(24.0).reshape(4, 6)
MIXED = {
    "weights.b": NUMBERS,
    "weights.a": NUMBERS[:3, ::2],  # Does not lie in one piece.
    "updates": torch.tensor(7.0),
    "random.cpu": torch.arange(5, dtype=torch.uint8),
    "halves": torch.randn(3, generator=torch.Generator().manual_seed(1)).bfloat16(),
    "count": torch.tensor([1, 2**40]),
}


def save(folder: Path, tensors: dict[str, Tensor | Converted], rank: int = 0) -> list[Path]:
    folder.mkdir(exist_ok=True)
    files = lay_out(rank, [chunk_of(name, tensor) for name, tensor in tensors.items()], pinned=False)
    for file in files:
        file.fill(tensors)
    return [folder / name for name in write_files(folder, files)]


def save_chunk(path: Path, name: str, tensor: Tensor, offset: object) -> Path:
    """A file of one chunk, written by the library itself."""
    offsets = offset if isinstance(offset, str) else json.dumps({name: {"saved_offsets": offset}})
    save_file({name: tensor.contiguous()}, path, metadata={"DCP_SHARDING_INFO": offsets})
    return path


def save_grid(folder: Path, rows: list[int], columns: list[int]) -> list[Path]:
    """NUMBERS in one file for each cell of a grid that begins at these rows and columns."""
    paths = []
    for row, next_row in zip(rows, [*rows[1:], 4], strict=True):
        for column, next_column in zip(columns, [*columns[1:], 6], strict=True):
            cell = NUMBERS[row:next_row, column:next_column]
            path = folder / f"cell-{row}-{column}.safetensors"
            paths.append(save_chunk(path, "weights.b", cell, [row, column]))
    return paths


def zeros_like(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: torch.zeros_like(tensor) for name, tensor in tensors.items()}


def test_what_is_loaded_is_what_was_saved_in_any_type_and_shape(tmp_path):
    loaded = zeros_like(MIXED)
    load_tensors(read_index(save(tmp_path, MIXED)), loaded)
    assert all(torch.equal(loaded[name], MIXED[name]) for name in MIXED)


def test_a_file_is_read_by_the_library_as_it_is(tmp_path):
    (path,) = save(tmp_path, MIXED)
    read = load_file(path)
    assert read.keys() == MIXED.keys()
    assert all(torch.equal(read[name], MIXED[name]) and read[name].dtype == MIXED[name].dtype for name in MIXED)


def test_a_file_is_the_same_bytes_as_the_librarys(tmp_path):
    (path,) = save(tmp_path, MIXED)
    in_order = ("count", "updates", "weights.a", "weights.b", "halves", "random.cpu")
    offsets = json.dumps({name: {"saved_offsets": [0] * MIXED[name].ndim} for name in in_order})
    tensors = {name: tensor.contiguous() for name, tensor in MIXED.items()}
    save_file(tensors, tmp_path / "other", metadata={"DCP_SHARDING_INFO": offsets})
    assert path.read_bytes() == (tmp_path / "other").read_bytes()


@pytest.mark.filterwarnings("ignore:torch.distributed is disabled:UserWarning")
def test_torchs_own_reader_reads_them(tmp_path):
    save(tmp_path, MIXED)
    loaded = zeros_like(MIXED)
    dcp.load(loaded, storage_reader=dcp.HuggingFaceStorageReader(str(tmp_path)), no_dist=True)
    assert all(torch.equal(loaded[name], MIXED[name]) for name in MIXED)


def test_the_digest_of_writing_is_that_of_reading(tmp_path, monkeypatch):
    monkeypatch.setattr(tensor_files, "_PIECE_BYTES", 7)
    files = lay_out(0, [chunk_of("weights.b", NUMBERS)], pinned=False)
    files[0].fill({"weights.b": NUMBERS})
    written = write_files(tmp_path, files)
    assert list(written) == ["rank-00000-part-000.safetensors"]
    assert list(written.values()) == file_digests([tmp_path / name for name in written])
    assert torch.equal(load_file(tmp_path / files[0].name)["weights.b"], NUMBERS)


def test_a_file_is_never_written_over(tmp_path):
    save(tmp_path, MIXED)
    with pytest.raises(FileExistsError):
        save(tmp_path, MIXED)


@pytest.mark.parametrize("room, parts", [(96, 3), (191, 3), (192, 2), (288, 1), (50, 3)])
def test_large_states_are_cut_into_files_of_bounded_size(tmp_path, monkeypatch, room, parts):
    monkeypatch.setattr(tensor_files, "FILE_BYTES", room)
    tensors = {name: NUMBERS + number for number, name in enumerate("abc")}
    paths = save(tmp_path, tensors, rank=3)
    assert [path.name for path in paths] == [f"rank-00003-part-{part:03d}.safetensors" for part in range(parts)]
    loaded = zeros_like(tensors)
    load_tensors(read_index(paths), loaded)
    assert all(torch.equal(loaded[name], tensors[name]) for name in tensors)


def test_a_converted_tensor_is_made_for_the_file_and_taken_apart_from_it(tmp_path):
    taken: list[Tensor] = []
    halves = Converted(shape=(4, 6), give=lambda: NUMBERS / 2, take=taken.append)
    paths = save(tmp_path, {"weights.b": halves})
    assert torch.equal(load_file(paths[0])["weights.b"], NUMBERS / 2)
    load_tensors(read_index(paths), {"weights.b": halves})
    assert torch.equal(taken[0], NUMBERS / 2)


def test_weights_with_gradients_are_saved_and_loaded_in_place(tmp_path):
    weight = torch.nn.Parameter(NUMBERS.clone())
    paths, before = save(tmp_path, {"weights.b": weight}), weight.data_ptr()
    with torch.no_grad():
        weight.zero_()
    load_tensors(read_index(paths), {"weights.b": weight})
    assert torch.equal(weight.detach(), NUMBERS)
    assert weight.data_ptr() == before and weight.requires_grad


# Dealing


def boxes(*names: str) -> list[Chunk]:
    return [Chunk(name, (0,), (8,)) for name in names]


def test_a_chunk_that_several_hold_is_written_by_one():
    dealt = deal([boxes("a", "b", "c", "d")] * 2)
    assert sorted(chunk.name for share in dealt for chunk in share) == ["a", "b", "c", "d"]
    assert [len(share) for share in dealt] == [2, 2]


def test_what_one_process_holds_alone_it_writes_itself():
    dealt = deal([boxes("a", "random.cuda.0"), boxes("a", "random.cuda.1")])
    assert [{chunk.name for chunk in share} - {"a"} for share in dealt] == [{"random.cuda.0"}, {"random.cuda.1"}]


def test_shards_of_one_tensor_are_different_chunks_and_empty_ones_none():
    shards = [Chunk("a", (0, 0), (2, 3)), Chunk("a", (2, 0), (1, 3)), Chunk("a", (3, 0), (0, 3))]
    assert deal([[shard] for shard in shards]) == [[shards[0]], [shards[1]], []]


def test_a_process_with_nothing_to_write_writes_no_file():
    assert lay_out(1, [], pinned=False) == []


# Reading on another mesh


@pytest.mark.parametrize("rows, columns", [([0], [0]), ([0, 2], [0]), ([0, 3], [0, 1, 2]), ([0, 1, 2, 3], [0, 5])])
@pytest.mark.parametrize("box", [(0, 0, 4, 6), (1, 2, 3, 3), (3, 5, 1, 1), (0, 4, 4, 2)])
def test_any_box_is_read_from_any_grid(tmp_path, rows, columns, box):
    row, column, height, width = box
    saved = read_index(save_grid(tmp_path, rows, columns))["weights.b"]
    assert (saved.shape, saved.dtype) == ((4, 6), torch.float32)
    target = torch.zeros(height, width)
    for path, chunk in saved.parts:
        with tensor_files.safe_open(path, framework="pt") as file:
            tensor_files._copy_overlap(file, chunk, target, (row, column))
    assert torch.equal(target, NUMBERS[row : row + height, column : column + width])


# Damage


def message_of(paths: list[Path]) -> str:
    with pytest.raises(DamagedCheckpointError) as raised:
        read_index(paths)
    return str(raised.value)


@pytest.mark.parametrize("missing", range(4))
def test_a_missing_cell_is_noticed(tmp_path, missing):
    paths = save_grid(tmp_path, [0, 2], [0, 3])
    del paths[missing]
    assert message_of(paths) == "the parts of weights.b do not fit together"


@pytest.mark.parametrize("offset", [[0, 0], [1, 0], [3, 0], [2, 1]])
def test_cells_that_lie_over_each_other_or_leave_a_gap_are_noticed(tmp_path, offset):
    upper = save_chunk(tmp_path / "a", "weights.b", NUMBERS[:2], [0, 0])
    lower = save_chunk(tmp_path / "b", "weights.b", NUMBERS[2:], offset)
    assert message_of([upper, lower]) == "the parts of weights.b do not fit together"


@pytest.mark.parametrize("offset", [[0], [0, 0, 0], [-1, 0], [0.0, 0], [True, 0], ["0", 0], [None, 0]])
def test_offsets_that_are_none_are_noticed(tmp_path, offset):
    assert "ValueError: weights.b begins at" in message_of([save_chunk(tmp_path / "a", "weights.b", NUMBERS, offset)])


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, "null", "[]", "{}", '{"weights.b": 3}', '{"weights.b": {}}'])
def test_metadata_that_is_none_is_noticed(tmp_path, text):
    assert message_of([save_chunk(tmp_path / "a", "weights.b", NUMBERS, text)]).startswith("a: ")


def test_parts_of_different_kinds_are_noticed(tmp_path):
    one = save_chunk(tmp_path / "a", "weights.b", NUMBERS, [0, 0])
    for other in (NUMBERS.double(), NUMBERS.flatten()):
        two = save_chunk(tmp_path / "b", "weights.b", other, [4, 0][: other.ndim])
        assert message_of([one, two]) == "the parts of weights.b are of different kinds"


def header_says(**change: object) -> bytes:
    header = {"weights.b": {"dtype": "F32", "shape": [4, 6], "data_offsets": [0, 96]} | change}
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + bytes(96)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x80\x04K\x01.",  # A pickle.
        (2**63).to_bytes(8, "little"),
        b"\x10" + bytes(7) + b"[" * 16,
        (10**6).to_bytes(8, "little") + b"[" * 10**6,
        header_says()[:-1],
        header_says(shape=[4, 7]),
        header_says(shape=[2**40, 2**40]),
        header_says(data_offsets=[8, 104]),
        header_says(data_offsets=[96, 0]),
        header_says(dtype="F31"),
        header_says(),
    ],
)
def test_a_file_that_is_none_is_damage_and_never_a_crash(tmp_path, content):
    (tmp_path / "a").write_bytes(content)
    assert message_of([tmp_path / "a"]).startswith("a: ")


def test_a_missing_file_is_damage(tmp_path):
    assert message_of([tmp_path / "a"]).startswith("a: FileNotFoundError")


@pytest.mark.parametrize(
    "asked, message",
    [
        ({"weights.c": NUMBERS}, "it holds no weights.c"),
        ({"weights.b": NUMBERS[:2]}, r"weights.b is torch.float32 \[4, 6\], not torch.float32 \[2, 6\]"),
        ({"weights.b": NUMBERS.double()}, r"weights.b is torch.float32 \[4, 6\], not torch.float64 \[4, 6\]"),
    ],
)
def test_another_tensor_than_the_saved_one_is_refused(tmp_path, asked, message):
    index = read_index(save(tmp_path, {"weights.b": NUMBERS}))
    with pytest.raises(DamagedCheckpointError, match=message):
        load_tensors(index, asked)
