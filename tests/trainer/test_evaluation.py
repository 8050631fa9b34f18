"""Held-out documents: each token predicted once, by the right context; the same figures however they are worked out."""

import itertools
import json
import math
import random
import shutil
import uuid
from dataclasses import asdict, replace
from typing import Any

import fsspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from worlds import in_processes

from mixtures.loader import Batch
from tokenizer.vocabulary import Vocabulary
from trainer import train as loop
from trainer.config import TrainerConfig
from trainer.errors import SettingsError
from trainer.evaluation import Figures, HeldOut, Window, evaluate, is_due, line_of
from trainer.loss import UNCOUNTED
from trainer.model import new_model, rope_table
from trainer.parallel import World, joined
from trainer.state import draw_weights, new_state
from trainer.step import train_step
from trainer.train import Training, train

ALONE = World(device=torch.device("cpu"))


def text_of(number):
    chance = random.Random(number)
    return "".join(chance.choice("abcdefghij é日\n") for _ in range(3 + 9 * number))


@pytest.fixture(scope="module")
def vocabulary(vocabulary_path):
    return Vocabulary(vocabulary_path)


def write(folder, source, texts, name="unit"):
    (folder / source).mkdir(parents=True, exist_ok=True)
    rows = {"doc_id": list(texts), "origin": [f"f#{i}" for i in texts], "text": list(texts.values())}
    pq.write_table(pa.table(rows), folder / source / f"{name}.parquet")


@pytest.fixture
def folder(tmp_path):
    """Nine documents of C4 in three files, two of Books in one."""
    for number in range(9):
        write(tmp_path / "held-out", "c4", {f"id{9 - number}": text_of(number)}, f"file{number}")
    write(tmp_path / "held-out", "books", {"b": text_of(20), "a": text_of(11)})
    return tmp_path / "held-out"


def opened(folder, vocabulary, documents=64, sequence_tokens=16):
    return HeldOut.open(str(folder), vocabulary, documents=documents, sequence_tokens=sequence_tokens)


@pytest.mark.parametrize("sequence_tokens", [2, 5, 16, 1000])
def test_every_token_but_bos_is_predicted_once_after_the_one_before_it(folder, vocabulary, sequence_tokens):
    held_out = opened(folder, vocabulary, sequence_tokens=sequence_tokens)
    pairs = []
    for batch in held_out.batches(3, ALONE):
        counted = batch.targets_BT != UNCOUNTED
        pairs += zip(batch.tokens_BT[counted].tolist(), batch.targets_BT[counted].tolist(), strict=True)
    expected = []
    for number in (11, 20, *range(8, -1, -1)):
        ids = [1, *vocabulary.encode(pa.array([text_of(number)])).ids.tolist(), 2]
        expected += itertools.pairwise(ids)
    assert sorted(pairs) == sorted(expected)
    assert max(len(window.ids) for window in held_out.windows) <= sequence_tokens


def test_documents_and_bytes_are_counted_as_they_are(folder, vocabulary):
    held_out = opened(folder, vocabulary)
    assert (held_out.sources, held_out.documents) == (("books", "c4"), (2, 9))
    assert held_out.bytes == (
        sum(len(text_of(number).encode()) for number in (11, 20)),
        sum(len(text_of(number).encode()) for number in range(9)),
    )


def test_the_documents_with_the_lowest_ids_are_taken_and_empty_ones_left(tmp_path, vocabulary):
    write(tmp_path, "c4", {"d": "four", "a": "", "c": "three", "b": "two"})
    held_out = opened(tmp_path, vocabulary, documents=2)
    assert (held_out.documents, held_out.bytes) == ((2,), (len("two") + len("three"),))


def test_no_more_files_than_documents_are_read(folder, vocabulary):
    for path in sorted((folder / "c4").glob("*")):
        path.write_bytes(b"broken")
    with pytest.raises(SettingsError, match="file"):
        opened(folder, vocabulary, documents=1)
    for path in sorted((folder / "c4").glob("*"))[1:]:
        path.unlink()
    write(folder, "c4", {"x": "some text"}, "file0")
    assert opened(folder, vocabulary, documents=1).documents == (1, 1)


@pytest.mark.parametrize("spoil", ["nothing there", "no document", "no text", "no Parquet"])
def test_a_folder_without_documents_is_refused_in_one_line(tmp_path, vocabulary, spoil):
    if spoil == "no document":
        write(tmp_path, "c4", {"a": ""})
    elif spoil == "no text":
        write(tmp_path, "c4", {"a": "text"})
        pq.write_table(pa.table({"doc_id": ["a"]}), tmp_path / "c4/unit.parquet")
    elif spoil == "no Parquet":
        write(tmp_path, "c4", {"a": "text"})
        (tmp_path / "c4/unit.parquet").write_bytes(b"PAR1")
    with pytest.raises(SettingsError, match=r"holds no (documents|SOURCE)") as refused:
        opened(tmp_path, vocabulary)
    assert "\n" not in str(refused.value)


def test_documents_at_an_address_are_those_of_the_folder(folder, vocabulary):
    address = f"memory://{uuid.uuid4().hex}"
    fsspec.filesystem("memory").put(str(folder), address, recursive=True)
    here, there = opened(folder, vocabulary), opened(address, vocabulary)
    assert (here.sources, here.bytes) == (there.sources, there.bytes)
    assert all((one.ids == other.ids).all() for one, other in zip(here.windows, there.windows, strict=True))


@pytest.mark.parametrize("address", ["nosuch://bucket/folder", "memory://nothing-there"])
def test_an_address_that_gives_no_documents_is_refused(address, vocabulary):
    with pytest.raises(SettingsError, match=address):
        opened(address, vocabulary)


def straight_nats(model, rope, ids, sequence_tokens):
    """One window at a time, one prediction at a time."""
    total = 0.0
    for start in range(0, len(ids) - 1, sequence_tokens - 1):
        window = ids[start : start + sequence_tokens]
        logits_TV = model.logits(torch.tensor([window[:-1]]), rope.first(len(window) - 1))[0].double()
        total -= sum(logits_TV.log_softmax(-1)[at, token].item() for at, token in enumerate(window[1:]))
    return total


@pytest.mark.parametrize("sequences", [1, 4, 1000])
def test_figures_are_those_of_a_slow_straight_computation(folder, vocabulary, tiny, sequences):
    model, rope = new_model(tiny(), vocabulary.size, seed=3), rope_table(tiny(), 16)
    with torch.no_grad():
        model.output.mul_(30)
        ids = {n: [1, *vocabulary.encode(pa.array([text_of(n)])).ids.tolist(), 2] for n in (11, 20)}
        nats = sum(straight_nats(model, rope, found, 16) for found in ids.values())
    books = evaluate(model, opened(folder, vocabulary), rope, sequences=sequences, world=ALONE)["books"]
    tokens, size = sum(len(found) - 1 for found in ids.values()), len((text_of(11) + text_of(20)).encode())
    assert (books.documents, books.tokens, books.bytes) == (2, tokens, size)
    assert books.nats_per_token == pytest.approx(nats / tokens, rel=1e-5)
    assert books.bits_per_byte == pytest.approx(nats / math.log(2) / size, rel=1e-5)


def test_a_model_that_knows_nothing_takes_the_bits_of_the_vocabulary(folder, vocabulary, tiny):
    model = new_model(tiny(), vocabulary.size, seed=0)
    torch.nn.init.zeros_(model.output)
    for figures in evaluate(
        model, opened(folder, vocabulary), rope_table(tiny(), 16), sequences=8, world=ALONE
    ).values():
        assert figures.nats_per_token == pytest.approx(math.log(600), rel=1e-6)
        assert figures.bits_per_byte == pytest.approx(math.log2(600) * figures.tokens / figures.bytes, rel=1e-6)


def counting(windows=7, tokens=16):
    """Held-out windows of two sources that count upwards as the training sequences of the tests do."""
    found = tuple(Window(n % 2, ((5 * n + np.arange(tokens - n)) % 32).astype(np.int32)) for n in range(windows))
    return HeldOut(sources=("books", "c4"), documents=(4, 3), bytes=(40, 30), windows=found, sequence_tokens=tokens)


@pytest.fixture
def training(array_stream, tiny, tmp_path):
    """`training("folder", steps=3)`: a run with held-out documents."""

    def build(folder: str = "out", held_out: HeldOut | None = None, **settings: Any) -> Training:
        config = tiny(**settings)
        run = {"stream": array_stream(), "output": tmp_path / folder, "world": ALONE, "seed": 1}
        return Training(config=config, held_out=held_out or counting(), **run)

    return build


def lines(run):
    return [json.loads(line) for line in run.evaluations.read_text().splitlines()]


def files(run):
    found = sorted(path for path in run.output.rglob("*") if path.is_file())
    return {str(path.relative_to(run.output)): path.read_bytes() for path in found}


def quietly(run):
    said = []
    train(run, said.append)
    return said


def test_figures_are_written_every_so_many_steps_and_after_the_last(training):
    run = training(steps=7, evaluation_steps=3, checkpoint_steps=2)
    said = quietly(run)
    assert [line["step"] for line in lines(run)] == [3, 6, 7]
    assert set(lines(run)[0]["sources"]) == {"books", "c4"}
    assert lines(run)[-1]["sources"]["c4"]["nats_per_token"] < lines(run)[0]["sources"]["c4"]["nats_per_token"]
    assert sum(line.startswith("held-out documents after step") for line in said) == 3


def test_looking_changes_nothing_of_the_training(training):
    looked, not_looked = training("looked", evaluation_steps=1), training("not", evaluation_steps=0)
    quietly(looked), quietly(not_looked)
    found, expected = files(looked), files(not_looked)
    assert [json.loads(line)["step"] for line in found.pop("evaluation.jsonl").splitlines()] == [1, 2, 3, 4]
    assert lines(not_looked) == [] and expected.pop("evaluation.jsonl") == b""
    assert {name for name in found if found[name] != expected[name]} <= {
        name
        for name in found
        if name.endswith("state.json")  # The settings are in it.
    }


def test_the_same_run_again_gives_the_same_bytes(training):
    first, second = training("first", evaluation_steps=2), training("second", evaluation_steps=2)
    quietly(first), quietly(second)
    assert files(first) == files(second)


class DiedError(Exception):
    pass


@pytest.mark.parametrize("dies_at", [1, 2, 3, 4])
def test_a_run_whose_evaluation_dies_loses_nothing_and_goes_on_to_the_same_bytes(training, monkeypatch, dies_at):
    settings = {"steps": 7, "evaluation_steps": 2, "checkpoint_steps": 2}
    whole, broken, left = training("whole", **settings), training("broken", **settings), [dies_at]
    quietly(whole)

    def dying(*arguments: Any, **options: Any) -> Any:
        left[0] -= 1
        if not left[0]:
            raise DiedError
        return evaluate(*arguments, **options)

    monkeypatch.setattr(loop, "evaluate", dying)
    with pytest.raises(DiedError):
        quietly(broken)
    assert (broken.checkpoints / f"step-{min(7, 2 * dies_at):08d}").exists()
    quietly(broken)
    assert files(broken) == files(whole)


def test_figures_of_steps_that_are_lost_go_with_them(training):
    run = training(steps=4, evaluation_steps=1, checkpoint_steps=2)
    quietly(run)
    expected = files(run)
    shutil.rmtree(run.checkpoints / "step-00000004")
    run.evaluations.write_bytes(expected["evaluation.jsonl"] + b'{"step": 9, "sou')
    quietly(run)
    assert files(run) == expected


def test_a_trained_model_is_not_looked_at_twice(training):
    run = training(evaluation_steps=2)
    quietly(run)
    before = files(run)
    assert [line for line in quietly(run) if "already trained" in line] and files(run) == before


@pytest.mark.parametrize(
    "every, step, held, due",
    [(3, 3, 0, True), (3, 3, 3, False), (3, 4, 3, False), (3, 10, 9, True), (0, 10, 0, False), (3, 0, 0, False)],
)
def test_when_figures_are_due(tmp_path, tiny, every, step, held, due):
    path = tmp_path / "evaluation.jsonl"
    path.write_text("".join(json.dumps({"step": done}) + "\n" for done in range(3, held + 1, 3)))
    assert is_due(path, tiny(steps=10, evaluation_steps=every), step) == due


def test_a_line_holds_the_figures_of_each_source():
    figures = Figures(bits_per_byte=1.5, nats_per_token=3.0, documents=2, bytes=10, tokens=5)
    told = {"bits_per_byte": 1.5, "nats_per_token": 3.0, "documents": 2, "bytes": 10, "tokens": 5}
    assert line_of(8, {"c4": figures}) == {"step": 8, "sources": {"c4": told}}
    diverged = replace(figures, bits_per_byte=math.nan, nats_per_token=math.inf)
    assert line_of(8, {"c4": diverged})["sources"]["c4"] == told | {"bits_per_byte": None, "nats_per_token": None}


def test_every_process_has_as_many_batches_of_the_same_shape_and_each_window_is_one_ones():
    worlds = [_FakeWorld(rank, 3) for rank in range(3)]
    held_out = counting(7)
    shares = [list(held_out.batches(2, world)) for world in worlds]  # type: ignore[arg-type]
    assert [[tuple(batch.tokens_BT.shape) for batch in share] for share in shares] == [[(2, 16), (2, 16)]] * 3
    counted = sum(int((batch.targets_BT != UNCOUNTED).sum()) for share in shares for batch in share)
    assert counted == sum(len(window.ids) - 1 for window in held_out.windows)


class _FakeWorld:
    device = torch.device("cpu")

    def __init__(self, rank: int, ranks: int) -> None:
        self.data_rank, self.data_ranks = rank, ranks


LAID_OUT = TrainerConfig(
    dimension=16, layers=2, heads=2, feed_forward_multiple=8, steps=16, batch_sequences=4, micro_batch_sequences=2,
    learning_rate=1e-2, warmup_steps=1, precision="float32",
)  # fmt: skip


def three_steps(config: TrainerConfig, world: World, *, looks: bool) -> tuple[list[float], list[dict[str, Figures]]]:
    """Losses and gradients' norms of three steps, and the figures before each."""
    state, rope, steps, looked = new_state(config, 32, world), rope_table(config, 16), [], []
    draw_weights(state, config, 0)
    for step in range(3):
        if looks:
            looked.append(evaluate(state.model, counting(), rope, sequences=2, world=world))
        tokens = (7 * step + 3 * np.arange(4)[:, None] + np.arange(16)) % 31 + 1
        batch = Batch(first=4 * step, tokens=tokens, sources=np.arange(4) % 2, consumed=4 * step + 4)
        result, _ = train_step(state, batch, ("c4", "books"), rope, config, world).read()
        steps += [result.loss, result.gradient_norm]
    return steps, looked


def in_layout(config: TrainerConfig) -> list[Any]:
    with joined(config, "cpu") as world:
        return [three_steps(config, world, looks=looks) for looks in (True, False)]


@pytest.mark.parametrize("layout", [{}, {"replicas": 2}, {"tensor_parallel": 2}])
def test_every_layout_gives_the_figures_of_one_process_and_trains_on_as_if_nobody_had_looked(layout):
    first, second = in_processes(2, in_layout, replace(LAID_OUT, **layout))
    assert first == second
    (steps, looked), (steps_without, _) = first
    assert steps == steps_without
    _, expected = three_steps(LAID_OUT, ALONE, looks=True)
    for figures, alone in zip(looked, expected, strict=True):
        for source, some in alone.items():
            assert asdict(figures[source]) == pytest.approx(asdict(some), rel=1e-5)
