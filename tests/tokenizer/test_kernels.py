"""Kernels compile wherever the package lies, and read Arrow's buffers where they lie."""

import itertools
import os
import subprocess
import sys
from pathlib import Path

import numba
import numpy as np
import pyarrow as pa
import pytest

from tokenizer import kernels
from tokenizer.kernels import compiled, compiled_lean, next_code_point, text_array, text_buffers

PROGRAM = (
    "from filters.fingerprint import line_keys; import pyarrow as pa; print(len(line_keys(pa.array(['a b'])).keys))"
)


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string()])
def test_a_slice_keeps_its_own_texts(kind):
    values, offsets = text_buffers(pa.array(["zero", "one", "", "zwölf"], kind).slice(1))
    assert [values[a:b].tobytes().decode() for a, b in itertools.pairwise(offsets)] == ["one", "", "zwölf"]


@pytest.mark.parametrize("texts", [[], [""], ["", ""]])
def test_texts_without_a_byte_have_offsets_all_the_same(texts):
    values, offsets = text_buffers(pa.array(texts, pa.large_string()))
    assert (len(values), offsets.tolist()) == (0, [0] * (len(texts) + 1))


def test_buffers_make_the_array_that_they_came_from():
    array = pa.array(["one", "", "zwölf"], pa.large_string())
    made = text_array(*text_buffers(array))
    made.validate(full=True)
    assert made.equals(array)


def test_a_null_text_is_refused():
    with pytest.raises(ValueError, match="never null"):
        text_buffers(pa.array(["a", None]))


def test_a_kernel_is_compiled_when_it_is_first_called():
    twice = compiled(numba.int64(numba.int64))(lambda number: 2 * number)
    assert not twice.signatures
    assert (twice(21), twice(4), len(twice.signatures)) == (42, 8, 1)


def test_a_kernel_takes_what_its_signature_says_from_the_first_call_on():
    first = compiled(numba.int64(numba.int64[::1]))(lambda values: values[0])
    for _ in range(2):
        with pytest.raises(TypeError, match="No matching definition"):
            first(np.array([1.5]))
    assert first(np.array([7])) == 7


def test_kernels_are_loaded_at_once_for_those_who_are_forked(monkeypatch):
    monkeypatch.setattr(kernels, "KERNELS", [])
    twice = compiled(numba.int64(numba.int64))(lambda number: 2 * number)
    kernels.load_kernels()
    assert len(twice.signatures) == 1


def test_a_folder_that_cannot_be_written_costs_a_compilation_and_no_more(monkeypatch):
    def without_folder(function):
        raise RuntimeError("cannot cache function 'f': no locator available for file 'f.py'")

    monkeypatch.setattr("tokenizer.kernels._Cache", without_folder)
    assert compiled(numba.int64(numba.int64))(lambda number: number + 1)(1) == 2


KERNEL = """
import numba
from tokenizer.kernels import compiled
from {module} import {name}

@compiled(numba.int64(numba.int64))
def {function}(number):
    return {body}
"""


def write_kernels(folder, *, constant, body):
    (folder / "constants.py").write_text(f"FACTOR = {constant}\n")
    inner = KERNEL.format(module="constants", name="FACTOR", function="inner", body=body)
    (folder / "inner_kernel.py").write_text(inner)
    outer = KERNEL.format(module="inner_kernel", name="inner", function="outer", body="inner(number) + 1")
    (folder / "outer_kernel.py").write_text(outer)


@pytest.mark.parametrize(("change", "expected"), [({"constant": 3}, "31"), ({"body": "number - FACTOR"}, "9")])
def test_a_kernel_is_compiled_anew_where_what_it_takes_from_another_file_has_changed(tmp_path, change, expected):
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{Path.cwd()}", "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-c", "from outer_kernel import outer; print(outer(10))"]
    before = {"constant": 2, "body": "number * FACTOR"}
    found = []
    for written in (before, {**before, **change}):
        write_kernels(tmp_path, **written)
        found.append(
            subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.strip()
        )
    assert found == ["21", expected]


def test_another_error_of_the_compiler_is_not_hidden(monkeypatch):
    def broken(*_arguments, **_options):
        raise RuntimeError("out of registers")

    monkeypatch.setattr(kernels, "_Cache", broken)
    with pytest.raises(RuntimeError, match="registers"):
        compiled(numba.int64(numba.int64))(lambda number: number)


@pytest.mark.slow
def test_the_package_works_with_its_cache_in_another_folder(tmp_path):
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == "1\n"
    assert any(tmp_path.rglob("*.nbc"))


@pytest.mark.parametrize("character", [*"aé中😀\x7f\x80", "\u07ff", "\u0800", "\uffff", "\U0010ffff"])
def test_a_code_point_is_read_from_utf8(character):
    values = np.frombuffer((character + "b").encode("utf-8"), np.uint8)
    assert next_code_point(values, 0, len(values)) == (ord(character), len(values) - 1)


def test_lean_loops_give_the_same_and_may_not_make_an_array():
    def total(values):
        found = 0
        for value in values:
            found += value
        return found

    assert compiled_lean(numba.int64(numba.int64[::1]))(total)(np.array([1, 2, 3])) == 6
    with pytest.raises(numba.core.errors.NumbaError):
        compiled_lean(numba.int64(numba.int64))(lambda size: len(np.empty(size, np.int64)))(3)
