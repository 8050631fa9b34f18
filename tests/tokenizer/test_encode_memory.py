"""What encoding takes of memory follows from the text, however long one is and however many there are."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from tokenizer import encode
from tokenizer.encode import Encoder

CHARACTERS = 16_000_000
SCRIPT = f"""
import json, sys
from pathlib import Path
import pyarrow as pa
from tokenizer.encode import Encoder

def memory(line):
    return next(int(row.split()[1]) for row in Path("/proc/self/status").open() if row.startswith(line)) * 1024

def taken(encoder, texts):
    column = pa.array(texts, pa.large_string())
    Path("/proc/self/clear_refs").write_text("5")  # The peak begins anew.
    before = memory("VmRSS")
    ids = encoder.encode(column).ids
    size = sum(map(len, texts))
    return (memory("VmHWM") - before - 8 * len(ids)) / size, size, len(ids)

encoder = Encoder(sys.argv[1])
encoder.encode(pa.array(["the cat"]))
words = "the cat sat on the mat " * 5000
long = taken(encoder, ["a" * {CHARACTERS}]), taken(encoder, ["thecatsatonthemat" * 200_000])
print(json.dumps([long, taken(encoder, [words] * 600)]))
"""


def encoded_run(path: Path) -> int:
    """How many ids a run of CHARACTERS times one character has, whose pieces repeat."""
    few, more = (len(Encoder(path).encode(pa.array(["a" * count])).ids) for count in (1600, 3200))
    return few + (more - few) * (CHARACTERS // 1600 - 1)


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="the system tells no peak of memory")
@pytest.mark.parametrize("kind", ["bpe", "unigram"])
def test_sixteen_million_characters_without_a_blank_and_a_great_batch_take_bounded_memory(trained, kind):
    path = trained(kind, split_by_whitespace=False)
    done = subprocess.run([sys.executable, "-c", SCRIPT, str(path)], check=True, stdout=subprocess.PIPE, text=True)
    long, (for_each, size, _) = json.loads(done.stdout)
    assert all(taken < 24 for taken, _, _ in long)
    assert long[0][1:] == [CHARACTERS, encoded_run(path)]
    assert for_each * size < 3 * encode.PART_BYTES < 0.8 * size


@pytest.mark.parametrize("part_bytes", [1, 3, 4, 7, 1000])
@pytest.mark.parametrize("kind", ["bpe", "unigram"])
def test_texts_in_parts_have_the_ids_that_they_have_together(trained, monkeypatch, kind, part_bytes):
    encoder = Encoder(trained(kind))
    texts = pa.array(["", "the", "cat", "", "", "a longer one", "the", "日本語", ""]).slice(1)
    whole = encoder.encode(texts)
    monkeypatch.setattr(encode, "PART_BYTES", part_bytes)
    parts = encoder.encode(texts)
    assert np.array_equal(whole.ids, parts.ids)
    assert np.array_equal(whole.offsets, parts.offsets)


@pytest.mark.parametrize(
    "sizes, parts",
    [([], [0]), ([0], [1]), ([4], [1]), ([5], [1]), ([2, 2, 1], [2, 1]), ([9, 9], [1, 1]), ([1, 9, 0], [1, 1, 1])],
)
def test_a_part_has_so_many_bytes_or_one_text(monkeypatch, sizes, parts):
    monkeypatch.setattr(encode, "PART_BYTES", 4)
    offsets = 7 + np.cumsum([0, *sizes])
    found = list(encode._parts(offsets))
    assert [len(part) - 1 for part in found] == parts
    assert found[0][0] == 7
    assert [part[-1] for part in found[:-1]] == [part[0] for part in found[1:]]
