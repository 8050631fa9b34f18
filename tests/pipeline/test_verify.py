"""A finished run has no fault; each way to spoil one has its name and its file; damage never ends in a crash."""

import json
import random
import shutil

import pytest
from corruptions import CORRUPTIONS
from in_process import do_here
from spot import Spot, flip

from pipeline.engine import Engine
from pipeline.errors import FatalError, FaultsFoundError
from pipeline.ledger import WHOLE_RUN, read_entry
from pipeline.progress import Reporter
from pipeline.verify import FAULTY, PROOF, SEEN, verify
from pipeline.verify_faults import FAULTS

QUIET = Reporter(quiet=True)


def check(run):
    return verify(run, do_here, QUIET)


@pytest.fixture
def said(monkeypatch):
    """What people are told, line by line."""
    lines = []
    monkeypatch.setattr(QUIET, "say", lines.append)
    return lines


def test_a_good_run_has_no_faults_and_every_source_its_budget(finished_token_run, proven):
    proof = proven(finished_token_run.run())
    assert proof.faults == ()
    found = {name: (row["tokens"], row["off_sequences"]) for name, row in proof.table["sources"].items()}
    assert found == {"c4": (2000, 0.0), "wikipedia": (1008, 0.5), "books": (992, -0.5)}
    counts = ("tokens", "sequences", "token_shards", "documents", "source_tokens")
    assert [proof.table[name] for name in counts] == [4000, 250, 11, 185, 5077]


def test_each_block_is_counted_as_often_as_it_is_read(finished_token_run, proven):
    reads = {name: row["blocks_read"] for name, row in proven(finished_token_run.run()).table["sources"].items()}
    assert reads == {"c4": {"0": 79, "1": 125}, "wikipedia": {"7": 9}, "books": {"0": 40, "1": 62}}


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_each_corruption_is_named_first_with_its_file(token_run, proven, name):
    corruption, spot = CORRUPTIONS[name], Spot(token_run.run())
    corruption.spoil(spot)
    if corruption.signed:
        spot.sign()
    fault, *_ = proven(spot.run).faults
    assert (fault.name, fault.where) == (corruption.fault, corruption.where(spot)), str(fault)


def test_there_are_more_than_twenty_corruptions_of_many_kinds():
    assert len(CORRUPTIONS) >= 50
    assert len({corruption.fault for corruption in CORRUPTIONS.values()}) >= 20


def test_a_run_that_is_signed_again_without_being_spoilt_is_still_good(token_run, proven):
    Spot(token_run.run()).sign()
    assert proven(token_run.run()).faults == ()


@pytest.mark.parametrize("seed", range(3))
def test_random_damage_anywhere_is_always_a_fault_and_never_a_crash(token_run, proven, seed):
    chance = random.Random(f"damage {seed}")
    files = sorted(path for folder in ("tokens", "stream") for path in (token_run.root / folder).rglob("*.*"))
    for _ in range(10):
        path = chance.choice(files)
        held = path.read_bytes()
        path.write_bytes(damaged(held, chance))
        faults = proven(token_run.run()).faults
        assert {fault.name for fault in faults} <= set(FAULTS)
        assert faults[0].where == str(path.relative_to(token_run.root))
        path.write_bytes(held)


def damaged(content, chance):
    if chance.random() < 0.3:
        return content[: chance.randrange(len(content))]
    spoilt = bytearray(content)
    for _ in range(chance.randint(1, 4)):
        spoilt[chance.randrange(len(spoilt))] ^= chance.randint(1, 255)
    return bytes(spoilt) if bytes(spoilt) != content else content + b"\0"


@pytest.mark.parametrize("suffix", [".documents.parquet", ".csv.gz", ".json", ".idx", ".ds.index", ".ds.metadata"])
def test_random_damage_that_is_signed_is_no_crash_either(token_run, proven, suffix):
    chance, spot = random.Random(suffix), Spot(token_run.run())
    path = spot.token_file(suffix)
    held = path.read_bytes()
    for _ in range(6):
        path.write_bytes(damaged(held, chance))
        if suffix != ".json":
            spot.sign()
        assert {fault.name for fault in proven(spot.run).faults} <= set(FAULTS)


def test_a_proof_is_left_once_and_again_the_same(token_run, said):
    run = token_run.run()
    assert check(run) is True
    before = (token_run.root / PROOF).read_bytes()
    assert read_entry(run.output, "verify", WHOLE_RUN, "stream").outputs[PROOF]["bytes"] == len(before)
    assert said[-1] == "  verify: 250 sequences, 4,000 tokens are as planned"
    assert check(run) is False
    (token_run.root / SEEN).unlink()
    assert check(run) is True
    assert (token_run.root / PROOF).read_bytes() == before


def test_a_file_that_changed_since_is_looked_at_again(token_run):
    run = token_run.run()
    check(run)
    flip(token_run.root / "stream/stream-00001.bin")
    said = "verify found 2 faults, the first: digest_differs in stream/stream-00001"
    with pytest.raises(FaultsFoundError, match=said):
        check(run)
    assert read_entry(run.output, "verify", WHOLE_RUN, "stream") is None
    assert not (token_run.root / PROOF).exists()


def test_a_manifest_that_was_changed_since_is_looked_at_too(token_run):
    run = token_run.run()
    check(run)
    (token_run.root / "manifest.json").write_text("{}")
    with pytest.raises(FaultsFoundError, match=r"manifest_differs in manifest\.json"):
        check(run)


def test_faults_are_told_one_a_line_up_to_twenty_and_all_are_kept(token_run, said):
    for path in (token_run.root / "tokens/c4").iterdir():
        path.write_bytes(b"")
    with pytest.raises(FaultsFoundError) as told:
        check(token_run.run())
    kept = json.loads((token_run.root / FAULTY).read_text())
    assert told.value.proof == kept
    assert said[-1] == f"  … and {len(kept['faults']) - 20} faults more: all are in {FAULTY}"
    assert [line.split()[0] for line in said[-21:-1]] == [fault["name"] for fault in kept["faults"][:20]]
    assert len(kept["faults"]) > 21


def test_a_mended_run_is_well_again(token_run):
    path = token_run.root / "stream/stream-00000.bin"
    flip(path)
    with pytest.raises(FaultsFoundError):
        check(token_run.run())
    flip(path)
    assert check(token_run.run()) is True
    assert not (token_run.root / FAULTY).exists()


def test_without_a_stream_it_says_what_to_run(token_run):
    shutil.rmtree(token_run.root / "stream")
    with pytest.raises(FatalError, match="stage verify needs the stream: run `tokenmill mix` first"):
        check(token_run.run())


def test_a_source_without_token_shards_cannot_be_planned(token_run, proven):
    shutil.rmtree(token_run.root / "tokens/c4")
    shutil.rmtree(token_run.root / "ledger/tokenize/c4")
    faults = [fault.name for fault in proven(token_run.run()).faults]
    assert faults[-2:] == ["source_missing", "plan_impossible"]


def test_a_recipe_changed_after_the_fact_is_told_and_no_sequence_blamed(token_run, proven):
    run, weights = token_run.run(), {"c4": 0.4, "books": 0.35, "wikipedia": 0.25}
    mixture = run.recipe.mixture.model_copy(update={"weights": weights})
    recipe = run.recipe.model_copy(update={"mixture": mixture})
    assert {fault.name for fault in proven(type(run)(recipe, run.output)).faults} == {"plan_differs"}


def test_the_engine_finds_the_same_as_this_process(token_run, proven):
    flip(token_run.root / "stream/stream-00001.bin")
    run, engine = token_run.run(), Engine(workers=2)
    with pytest.raises(FaultsFoundError) as told:
        verify(run, lambda work: engine.run_exchanges([work]), QUIET)
    assert told.value.proof == proven(run).to_json()
    assert list((token_run.root / "logs/work").iterdir()) == []
