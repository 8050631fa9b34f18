"""The real corpus at LLaMA's ratios: every source gets its budget to within one sequence, and no corruption passes."""

import shutil
import sys
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

sys.path.append(str(Path(__file__).parent / "pipeline"))  # where the corruptions lie

from corruptions import CORRUPTIONS
from spot import Spot

from mixtures.llama1 import TABLE
from pipeline.conductor import Conductor
from pipeline.demo import github
from pipeline.engine import Engine
from pipeline.manifest import write_manifest
from pipeline.progress import Reporter
from pipeline.recipe_file import load_recipe
from pipeline.run import Run
from pipeline.stage_names import STAGES
from pipeline.storage import Folder
from pipeline.verify import prove

pytestmark = pytest.mark.real

SETTINGS = (
    'inputs.commoncrawl=["commoncrawl/web/*.wet.gz", "commoncrawl/docs/*.wet.gz"]',
    'inputs.c4=["commoncrawl/web/*.wet.gz"]',
    'inputs.wikipedia=["wikipedia/enwiki-gensim/**/*.xml*.bz2", "wikipedia/ltgwiki-full/**/*.xml*"]',
    'inputs.stackexchange=["stackexchange/*/Posts.xml"]',
    'perplexity.keep=["head", "middle", "tail"]',
    *("c4.form=wet", "language_model.vocabulary_size=4000", "dedup.partitions=2", "near_dedup.partitions=2"),
    *("near_dedup.max_lost_fraction.books=0.9", "limits.max_failed_fraction=0.9"),
    *("reference.positives=articles", "reference.min_score=0.0", "reference.dimension=16", "reference.min_chars=200"),
    *("tokenizer.vocabulary_size=4000", "tokenizer.sample_bytes=4000000", "tokens.shard_bytes=400000"),
    *("mixture.total_tokens=4000000", "mixture.sequence_tokens=256", "mixture.shard_sequences=2048"),
)


def do_all(engine):
    return lambda work: engine.run_exchanges([work])


@pytest.fixture(scope="module")
def real_run(real_data, tmp_path_factory):
    """Recipe llama1, all stages up to the proof, over the real dumps; of code, which they have not, this machine's."""
    dumps, output = tmp_path_factory.mktemp("dumps"), tmp_path_factory.mktemp("real")
    for name in ("commoncrawl", "wikipedia", "books", "arxiv", "stackexchange"):
        (dumps / name).symlink_to(real_data / name)
    github.write(dumps / "github", 800_000, Random("verify"))
    models = real_data / "models"
    given = (f"language.model={models / 'lid176/lid.176.ftz'}", f"c4.sentence_model={models / 'punkt/english.pickle'}")
    (output / "logs").mkdir()
    run = Run(load_recipe("llama1", (f"inputs.root={dumps}", *given, *SETTINGS)), Folder(str(output)))
    conductor = Conductor(run, Engine(workers=2, log=output / "logs/run.log"), Reporter(quiet=True))
    conductor.stages([stage for stage in STAGES if stage not in ("train", "report")])
    write_manifest(run)
    return run


@pytest.fixture
def spot(real_run, tmp_path):
    """A copy of what the proof is about, to spoil."""
    for name in ("tokens", "stream", "ledger", "models/tokenizer"):
        shutil.copytree(real_run.output.local_path(name), tmp_path / "out" / name)
    shutil.copy(real_run.output.local_path("manifest.json"), tmp_path / "out")
    return Spot(replace(real_run, output=Folder(str(tmp_path / "out"))))


def test_every_source_is_within_one_sequence_of_its_budget_and_of_table_1(real_run):
    proof = real_run.output.read_json("verify.json")
    assert proof["faults"] == []
    assert {row.source for row in TABLE} == set(proof["sources"])
    width = real_run.recipe.mixture.sequence_tokens
    for row in TABLE:
        found = proof["sources"][row.source]
        assert abs(found["off_sequences"]) < 1
        assert abs(found["tokens"] - row.weight * proof["tokens"]) < width
        (phase,) = proof["phases"]
        assert phase["sources"][row.source]["farthest_at_a_position"] <= 1.25
        assert phase["sources"][row.source]["farthest_over_a_stretch"] <= 2


def test_every_block_is_read_as_often_as_its_source_is_gone_through(real_run):
    for row in real_run.output.read_json("verify.json")["sources"].values():
        times = sorted(map(int, row["blocks_read"]))
        assert times[-1] - times[0] <= 1
        assert times[0] <= row["epochs"] <= times[-1]


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_each_corruption_of_the_real_corpus_is_named_first_with_its_file(spot, name, proven_here):
    corruption = CORRUPTIONS[name]
    corruption.spoil(spot)
    if corruption.signed:
        spot.sign()
    fault, *_ = proven_here(spot.run)
    assert (fault.name, fault.where) == (corruption.fault, corruption.where(spot)), str(fault)


@pytest.fixture
def proven_here():
    from in_process import do_here

    return lambda run: prove(run, do_here, Reporter(quiet=True)).faults
