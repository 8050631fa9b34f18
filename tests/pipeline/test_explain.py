"""From a token to its document and raw record, from a document to the steps that train on it."""

import numpy as np
import pytest
from provenance_run import EMPTY, TWIN, document, marker, url

from mixtures.stream import Stream, shard_name
from pipeline.errors import SettingError
from pipeline.explain import Explainer
from trainer.batches import batches_from, next_batch
from trainer.config import TrainerConfig


@pytest.fixture(scope="module")
def explainer(finished_provenance_run):
    return Explainer(finished_provenance_run)


def stream_ids(explainer, position):
    """The ids at a position, read from the stream's files."""
    phase = explainer.stream.phase(position)
    files = [explainer.run.output.local_path(f"stream/{shard['name']}") for shard in explainer.stream.record["shards"]]
    ids = np.concatenate([np.fromfile(file, "<u2") for file in files])
    start = phase.first_token + (position - phase.first) * phase.sequence_tokens
    return ids[start : start + phase.sequence_tokens]


def test_the_stream_of_these_tests_has_two_phases_and_several_epochs(explainer):
    plan = explainer.stream.plan
    assert [phase.sequence_tokens for phase in plan.phases] == [16, 32]
    assert max(max(plan.epochs(phase, 0)) for phase in plan.phases) >= 2
    assert shard_name(1) in {shard["name"] for shard in explainer.stream.record["shards"]}


@pytest.mark.parametrize("position, place", [(0, 0), (3, 15), (119, 7), (120, 0), (200, 31), (-1, 31)])
def test_a_token_of_the_stream_is_the_one_that_its_answer_names(explainer, position, place):
    position %= explainer.stream.plan.sequences
    answer = explainer.stream_token(position, place)
    assert answer["id"] == stream_ids(explainer, position)[place]
    shard = answer["shard"].partition("/")[2]
    assert explainer.stream.source(answer["source"]).read(shard, answer["shard_token"], 1)[0] == answer["id"]
    own = [each for each in answer["document"]["stream"] if each["position"] == position]
    assert any(each["first"] <= place < each["first"] + each["tokens"] for each in own)


@pytest.mark.parametrize("position", [0, 77, 120, 161])
def test_the_documents_of_a_sequence_are_all_its_tokens(explainer, position):
    answer = explainer.sequence(position)
    tokens = explainer.stream.source(answer["source"])
    ids = [tokens.read(held["shard"].partition("/")[2], held["first"], held["tokens"]) for held in answer["documents"]]
    assert np.concatenate(ids).tolist() == stream_ids(explainer, position).tolist()


def test_a_document_is_found_by_each_of_its_names_and_lies_where_it_says(explainer):
    row = document(explainer.run, "a", 3)
    answers = [explainer.documents(name) for name in (row["doc_id"], row["origin"], row["url"])]
    assert answers[0] == answers[1] == answers[2]
    (answer,) = answers[0]
    (place,) = answer["tokens"]
    ids = explainer.stream.source("c4").read(
        place["shard"].partition("/")[2], place["start"], place["end"] - place["start"]
    )
    assert explainer.vocabulary.decode(ids[1:-1]) == row["text"]
    for landed in place["stream"]:
        held = ids[landed["shard_token"] - place["start"] :][: landed["tokens"]]
        assert stream_ids(explainer, landed["position"])[landed["first"] :][: len(held)].tolist() == held.tolist()
    assert {landed["epoch"] for landed in place["stream"]} >= {0, 1}


def test_a_document_leads_to_its_raw_record_and_says_what_has_been_trained_on(explainer):
    (answer,) = explainer.documents(url("a", 3))
    assert answer["raw"]["file"] == "c4/c4-train.a.json.gz"
    assert answer["raw"]["begins"].startswith(marker("a", 3))
    assert answer["steps_done"] == 3
    assert all(each["done"] == (each["position"] < 12) for each in answer["tokens"][0]["stream"])
    assert not answer["taken_down"]


@pytest.mark.parametrize("page, stages", [(TWIN, ["clean", "dedup"]), (EMPTY, ["clean"])])
def test_a_rejected_document_says_by_which_stage_and_why(explainer, page, stages):
    (answer,) = explainer.documents(url("b", page))
    assert [stage["stage"] for stage in answer["stages"]] == stages
    assert answer["stages"][-1].keys() == {"stage", "kept", "filter", "reason"}
    assert answer["tokens"] == []


def test_where_rejected_documents_are_not_kept_the_stage_says_what_reasons_it_had(provenance_run):
    provenance_run.output.delete("rejected/dedup")
    (answer,) = Explainer(provenance_run).documents(url("b", TWIN))
    (reason,) = answer["stages"][-1]["reasons_of_the_unit"]
    assert answer["stages"][-1] == {"stage": "dedup", "kept": False, "reasons_of_the_unit": {reason: 1}}


def test_a_token_shard_is_asked_directly_and_shows_the_text_around(explainer):
    shard = explainer.documents(url("a", 0))[0]["tokens"][0]["shard"].partition("/")[2]
    answer = explainer.shard_token("c4", shard, 1)
    said = answer["text"]["at"] + answer["text"]["after"]
    assert said.lstrip().startswith(marker("a", 0)[:6])
    assert answer["text"]["before"] == ""


def test_steps_name_every_sequence_of_their_batches(explainer):
    answers = list(explainer.steps(2, 3))
    assert [answer["position"] for answer in answers] == list(range(4, 12))
    assert [answer["sequence"] for answer in answers] == [0, 1, 2, 3] * 2
    assert {answer["step"] for answer in answers} == {2, 3}
    assert [answer["skipped"] for answer in answers] == [True] * 4 + [False] * 4


@pytest.mark.parametrize("step", [1, 2, 30])
def test_the_documents_of_a_step_are_what_the_trainer_reads_in_it_token_by_token(explainer, step):
    """Step 30 is the last before the sequences grow; step 2 was skipped, and is in its place all the same."""
    stream = Stream.open(explainer.run.output.local_path("stream"))
    config = TrainerConfig(batch_sequences=4, steps=40, warmup_steps=1)
    with batches_from(4 * (step - 1), stream, config) as batches:
        read = next_batch(batches, stream.vocabulary_size).tokens
    for row, answer in zip(read, explainer.steps(step, step), strict=True):
        tokens, told = explainer.stream.source(answer["source"]), answer["documents"]
        ids = [tokens.read(each["shard"].partition("/")[2], each["first"], each["tokens"]) for each in told]
        assert np.concatenate(ids).tolist() == row.tolist()


@pytest.mark.parametrize(
    "ask, said",
    [
        (lambda explainer: explainer.sequence(10**6), r"position must be 0 … \d+, got 1000000"),
        (lambda explainer: explainer.stream_token(0, 16), "token must be 0 … 15 in position 0, got 16"),
        (lambda explainer: explainer.steps(0, 1), r"steps must lie in 1 … \d+, got 0:1"),
        (lambda explainer: explainer.shard_token("c4", "nil", 0), "c4 has no token shard 'nil'"),
        (
            lambda explainer: explainer.shard_token("arxiv", "x", 0),
            "the stream has no source 'arxiv'; it has books, c4",
        ),
        (lambda explainer: explainer.shard_token("books", "u-00000", 10**6), "in books/u-00000, got 1000000"),
        (lambda explainer: explainer.documents("nobody"), "no document has the doc_id, origin or address 'nobody'"),
        (lambda explainer: explainer.documents("c4/x.json#line 1"), "nor has c4/x.json such a record"),
        (
            lambda explainer: explainer.documents("c4/c4-train.b.json.gz#line 16"),
            "clean could not read it: bad_json",
        ),
    ],
)
def test_what_is_not_there_is_said_in_one_line(explainer, ask, said):
    with pytest.raises(SettingError, match=said):
        ask(explainer)
