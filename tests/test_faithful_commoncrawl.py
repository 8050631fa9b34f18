"""The commands in faithful mode, from WET files to perplexity, against what cc_net itself made of the same files."""

import collections
import gzip
import hashlib
import json
import lzma
import shutil
import subprocess
import sys

import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from filters.select import LanguageIs

pytestmark = pytest.mark.real
FILES = 8


@pytest.fixture(scope="module")
def made(real_data, tmp_path_factory):
    """The output of clean, dedup, language and perplexity over all eight files as one block."""
    folder = tmp_path_factory.mktemp("faithful")
    models = real_data / "expected/ccnet-lm"
    with lzma.open(models / "en.arpa.xz") as packed, (folder / "en.arpa").open("wb") as file:
        shutil.copyfileobj(packed, file)
    (folder / "recipe.toml").write_text(f"""
name = "faithful"
[inputs]
root = "{real_data}"
commoncrawl = ["commoncrawl/web/*.wet.gz", "commoncrawl/docs/*.wet.gz"]
[mixture.weights]
commoncrawl = 1.0
[commoncrawl]
mode = "faithful"
[dedup]
block_files = {FILES}
[language]
model = "{real_data}/models/lid176/lid.176.ftz"
[language_model]
arpa = "{folder}/en.arpa"
pieces = "{models}/en.sp.model"
""")
    for verb in ("clean", "dedup", "language", "perplexity"):
        arguments = [verb, str(folder / "recipe.toml"), "--output", str(folder / "out")]
        command = [sys.executable, "-m", "pipeline.cli", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    return folder / "out"


def rows(made, kind, stage):
    """What lies in `documents` or `rejected` of a stage."""
    paths = sorted((made / kind / stage / "commoncrawl").glob("*.parquet"))
    return [row for path in paths for row in pq.read_table(path).to_pylist()]


def verdicts(made):
    """Each page as cc_net's output has it: why it was dropped, or all that it says of what is left."""
    for stage, dropped in (("clean", "parse/min_len"), ("dedup", "dedup/no_lines_left")):
        for row in rows(made, "rejected", stage):
            yield row, {"dropped": dropped}
    for path in sorted((made / "documents/perplexity/commoncrawl").glob("*.parquet")):
        (batch,) = pq.read_table(path).combine_chunks().to_batches()
        rule = LanguageIs(keep=tuple(pc.unique(batch.column("language")).drop_null().to_pylist()), score_decimals=2)
        for row, reason in zip(batch.to_pylist(), rule.apply(batch).reason.to_pylist(), strict=True):
            yield row, {"dropped": "lid/threshold"} if reason else kept(row)


def kept(row):
    found = {
        "dropped": None,
        "line_ids": row["kept_lines"],
        "length": len(row["text"]),
        "text_sha1": hashlib.sha1(row["text"].encode()).hexdigest(),
        "language": row["language"],
        "language_score": round(row["language_score"], 2),
    }
    return found | ({"perplexity": row["perplexity"]} if row["language"] == "en" else {})


def by_page(pairs):
    """Sorted verdicts by address and digest: two pages share theirs."""
    found = collections.defaultdict(list)
    for row, verdict in pairs:
        found[row["url"], row["digest"]].append(verdict)
    return {page: sorted(held, key=repr) for page, held in found.items()}


@pytest.fixture(scope="module")
def compared(made, real_data):
    """(ours, cc_net's) for each of 10,764 pages."""
    keys = ("dropped", "line_ids", "length", "text_sha1", "language", "language_score", "perplexity")
    with gzip.open(real_data / "expected/ccnet.jsonl.gz", "rt") as lines:
        expected = by_page((row, {key: row[key] for key in keys if key in row}) for row in map(json.loads, lines))
    ours = by_page(verdicts(made))
    assert ours.keys() == expected.keys()
    pairs = [pair for page in expected for pair in zip(ours[page], expected[page], strict=True)]
    assert len(pairs) == 10_764
    return pairs


def without_perplexity(verdict):
    return {key: value for key, value in verdict.items() if key != "perplexity"}


def test_verdict_lines_text_language_and_score_are_cc_nets_for_every_page(compared):
    differ = [(a, b) for a, b in compared if without_perplexity(a) != without_perplexity(b)]
    assert differ == []


def test_perplexity_is_cc_nets_to_the_printed_decimal(compared):
    scored = [(ours["perplexity"], theirs["perplexity"]) for ours, theirs in compared if "perplexity" in theirs]
    assert len(scored) == 929
    assert [pair for pair in scored if pair[0] != pair[1]] == []
