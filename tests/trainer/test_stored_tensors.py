import json
import struct

import pytest
import torch
from safetensors.torch import load_file, save_file

from trainer.errors import SettingsError
from trainer.stored_tensors import (
    Entry,
    StoredTensors,
    naming,
    put_together,
    read_json,
    taken_apart,
    write_json,
    write_tensors,
)


def some_tensors():
    generator = torch.Generator().manual_seed(0)
    return {"b": torch.randn(3, 5, generator=generator), "a": torch.randn(7, generator=generator), "c": torch.ones(())}


def write(path, tensors, dtype=torch.float32):
    entries = [Entry(name, dtype, tuple(tensor.shape)) for name, tensor in tensors.items()]
    write_tensors(path, entries, iter(tensors.values()))
    return entries


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_file_is_what_the_library_reads(tmp_path, dtype):
    entries = write(tmp_path / "x.safetensors", some_tensors(), dtype)
    found = load_file(tmp_path / "x.safetensors")
    assert {name: tensor.dtype for name, tensor in found.items()} == dict.fromkeys("abc", dtype)
    assert all(torch.equal(found[name], tensor.to(dtype)) for name, tensor in some_tensors().items())
    assert sum(entry.nbytes for entry in entries) == 23 * dtype.itemsize


def test_numbers_begin_at_a_multiple_of_eight(tmp_path):
    for length in range(8):
        write(tmp_path / "x.safetensors", {"n" * (length + 1): torch.ones(2)})
        (header,) = struct.unpack("<Q", (tmp_path / "x.safetensors").read_bytes()[:8])
        assert header % 8 == 0
        assert load_file(tmp_path / "x.safetensors")["n" * (length + 1)].tolist() == [1.0, 1.0]


def test_part_of_a_tensor_in_memory_is_written_in_its_own_order(tmp_path):
    write(tmp_path / "x.safetensors", {"x": torch.arange(6.0).view(2, 3).T})
    assert load_file(tmp_path / "x.safetensors")["x"].tolist() == [[0, 3], [1, 4], [2, 5]]


def test_tensors_are_taken_one_at_a_time(tmp_path):
    def tensors():
        for number in range(5):
            yield torch.full((2,), float(number))

    rest = tensors()
    for file in ("a", "b"):
        write_tensors(tmp_path / file, [Entry(f"{file}{at}", torch.float32, (2,)) for at in range(2)], rest)
    assert load_file(tmp_path / "b")["b1"].tolist() == [3.0, 3.0]
    assert next(rest).tolist() == [4.0, 4.0]


def test_a_tensor_of_another_shape_is_a_mistake(tmp_path):
    with pytest.raises(ValueError, match=r"^x must have the shape \(2,\), got \(3,\)$"):
        write_tensors(tmp_path / "x", [Entry("x", torch.float32, (2,))], iter([torch.ones(3)]))


def test_tensors_are_found_in_whichever_file_holds_them(tmp_path):
    save_file({"a": torch.ones(2), "b": torch.zeros(1, 2)}, tmp_path / "1.safetensors")
    save_file({"c": torch.full((3,), 2.0, dtype=torch.float16)}, tmp_path / "2.safetensors")
    found = StoredTensors(tmp_path.glob("*"))
    assert sorted(found) == ["a", "b", "c"]
    assert found.shape("b") == (1, 2)
    assert found.read("c", (3,)).dtype == torch.float16


def test_a_tensor_that_is_missing_or_unlike_is_refused(tmp_path):
    save_file({"a": torch.ones(2)}, tmp_path / "1.safetensors")
    found = StoredTensors([tmp_path / "1.safetensors"])
    with pytest.raises(SettingsError, match=f"^{tmp_path} holds no tensor b$"):
        found.read("b", (2,))
    with pytest.raises(SettingsError, match=r"^a must have the shape \(3,\), .*1.safetensors has \(2,\)$"):
        found.read("a", (3,))


def test_tensors_beside_the_models_are_refused(tmp_path):
    save_file({"a": torch.ones(2), "x.freqs": torch.ones(1)}, tmp_path / "1.safetensors")
    found = StoredTensors([tmp_path / "1.safetensors"])
    found.refuse_other_than(["a"], ".freqs")
    with pytest.raises(SettingsError, match=r"holds x.freqs, which is no weight of a LLaMA model"):
        found.refuse_other_than(["a"], ".other")


def test_a_name_in_two_files_is_refused(tmp_path):
    for name in "12":
        save_file({"a": torch.ones(2)}, tmp_path / name)
    with pytest.raises(SettingsError, match=r"^a is in .*1 and in .*2$"):
        StoredTensors(tmp_path.glob("*"))


def test_whole_numbers_are_no_weights(tmp_path):
    save_file({"a": torch.ones(2, dtype=torch.int8)}, tmp_path / "1")
    with pytest.raises(SettingsError, match="1: a must be of floating-point numbers, got I8"):
        StoredTensors([tmp_path / "1"])


@pytest.mark.parametrize("content", [b"", b"no file of tensors", None])
def test_a_file_that_is_none_is_refused(tmp_path, content):
    if content is not None:
        (tmp_path / "1").write_bytes(content)
    with pytest.raises(SettingsError, match="1 is no whole safetensors file: "):
        StoredTensors([tmp_path / "1"])


def test_names_are_given_for_every_weight_in_our_order():
    layer, rest = {"wqkv": ("q", "k"), "wo": ("o",)}, {"embedding": ("e",), "norm": ("n",), "output": ("h",)}
    assert list(naming(2, "blocks.", layer, rest).items()) == [
        ("embedding", ("e",)),
        ("layers.0.wqkv", ("blocks.0.q", "blocks.0.k")),
        ("layers.0.wo", ("blocks.0.o",)),
        ("layers.1.wqkv", ("blocks.1.q", "blocks.1.k")),
        ("layers.1.wo", ("blocks.1.o",)),
        ("norm", ("n",)),
        ("output", ("h",)),
    ]


@pytest.mark.parametrize("names, shape", [(("q", "k", "v"), (3, 2, 2)), (("o",), (2, 2)), (("n",), (4,))])
def test_what_is_taken_apart_is_put_together_again(names, shape):
    weight = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    parts = list(taken_apart(weight, names))
    assert len(parts) == len(names)
    assert torch.equal(put_together(parts), weight)
    assert put_together([part.bfloat16() for part in parts]).dtype == torch.float32


def test_json_is_read_back_or_refused(tmp_path):
    write_json(tmp_path / "x.json", {"ü": [1, None]})
    assert read_json(tmp_path / "x.json") == {"ü": [1, None]}
    for content in ("[1]", "{", "[" * 100_000):
        (tmp_path / "y.json").write_text(content)
        with pytest.raises(SettingsError, match=r"y.json"):
            read_json(tmp_path / "y.json")
    assert json.loads((tmp_path / "x.json").read_text()) == {"ü": [1, None]}
