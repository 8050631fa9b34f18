import random

import pyarrow as pa
import pytest
import torch
from saved_models import PIECES, SMALL, imported, logits_of, saved, small_model

from trainer.errors import SettingsError
from trainer.generate import TextGenerator, TextStream
from trainer.sampling import Sampling
from trainer.saved_model import save_imported

CPU = torch.device("cpu")
GREEDY = Sampling(temperature=0.0)
PROMPTS = ["abc de", "", "  j hi", "é 12"]


@pytest.fixture(scope="module")
def generator(vocabulary_path, tmp_path_factory):
    model = saved(tmp_path_factory.mktemp("generate") / "out", tokenizer=vocabulary_path)
    return TextGenerator.open(model.folder, None, CPU)


def ids_of(vocabulary, text):
    return [1, *vocabulary.encode(pa.array([text])).ids.tolist()]


def tokens_by_prompt(drawn):
    found = {}
    for one in drawn:
        found.setdefault(one.prompt, []).append(one.token)
    return found


def test_the_likeliest_text_is_that_of_the_model_without_what_is_kept(generator):
    found = tokens_by_prompt(generator.texts(PROMPTS, GREEDY, max_tokens=10, seed=0))
    model = small_model()
    for place, prompt in enumerate(PROMPTS):
        tokens = ids_of(generator.vocabulary, prompt)
        for token in found[place]:
            assert token == int(logits_of(model, torch.tensor([tokens]))[0, -1].argmax())
            tokens.append(token)


def test_the_same_seed_gives_the_same_texts_and_another_others(generator):
    runs = [list(generator.texts(PROMPTS, Sampling(), max_tokens=9, seed=seed)) for seed in (3, 3, 4)]
    assert runs[0] == runs[1] != runs[2]


@pytest.mark.parametrize("batch", [1, 3])
def test_a_text_does_not_depend_on_how_many_grow_beside_it(generator, batch):
    together = generator.texts(PROMPTS, Sampling(), max_tokens=9, seed=3)
    apart = generator.texts(PROMPTS, Sampling(), max_tokens=9, seed=3, batch=batch)
    assert tokens_by_prompt(together) == tokens_by_prompt(apart)


def test_equal_prompts_get_texts_of_their_own(generator):
    found = tokens_by_prompt(generator.texts(["abc", "abc"], Sampling(), max_tokens=12, seed=0))
    assert found[0] != found[1]


def test_a_text_ends_with_the_tokens_asked_for(generator):
    drawn = list(generator.texts(["abc"], Sampling(), max_tokens=5, seed=0))
    assert [one.end for one in drawn] == ["", "", "", "", "length"]


def test_a_text_ends_with_the_models_sequences(generator):
    prompt = "a b " * 15
    room = generator.context_tokens - len(ids_of(generator.vocabulary, prompt))
    drawn = list(generator.texts([prompt, "a"], GREEDY, max_tokens=1000, seed=0))
    assert [len(tokens) for tokens in tokens_by_prompt(drawn).values()] == [room, 64 - 2]


def test_a_text_ends_where_the_model_ends_it_while_others_grow(generator, monkeypatch):
    chosen = iter([7, 8, 2, 9, 10])
    monkeypatch.setattr("trainer.generate.choose", lambda *_: next(chosen))
    drawn = [(one.prompt, one.token, one.end) for one in generator.texts(["a", "b"], GREEDY, max_tokens=3, seed=0)]
    assert drawn == [(0, 7, ""), (1, 8, ""), (0, 2, "eos"), (1, 9, ""), (1, 10, "length")]


def test_a_prompt_that_leaves_no_room_is_refused_before_any_work(generator):
    long = "a b " * 40
    with pytest.raises(SettingsError, match=r"^prompt 2 has \d+ tokens, the model's sequences 64$"):
        generator.texts(["a", long], GREEDY, max_tokens=5, seed=0)


def test_a_text_stream_gives_what_the_tokenizer_gives_for_all(generator):
    chance = random.Random(5)
    for size in range(60):
        text = "".join(chance.choices("ab cdefghij1\n\té漢🦙 ", k=size))
        ids = ids_of(generator.vocabulary, text)
        for cut in (1, len(ids) // 2 + 1):
            stream = TextStream(generator.vocabulary, follows_text=cut > 1)
            before = b"".join(map(generator.vocabulary.piece_bytes, ids[1:cut]))
            parts = [stream.add(token) for token in ids[cut:]] + [stream.close()]
            if before.decode("utf-8", "ignore").encode() == before:  # Else the cut went through a character.
                assert "".join(parts) == text[max(0, len(before.decode()) - 1) :]
                assert "\ufffd" not in "".join(parts)


def test_bytes_of_a_character_wait_until_it_is_whole(generator):
    stream = TextStream(generator.vocabulary, follows_text=True)
    assert [stream.add(3 + byte) for byte in "漢".encode()] == ["", "", "漢"]
    assert [stream.add(3 + 0xE6), stream.close()] == ["", "\ufffd"]


@pytest.mark.parametrize("follows, wanted", [(False, "abc"), (True, " abc")])
def test_the_tokenizers_blank_before_a_text_is_not_the_texts(generator, follows, wanted):
    stream = TextStream(generator.vocabulary, follows_text=follows)
    assert "".join(map(stream.add, ids_of(generator.vocabulary, "abc")[1:])) == wanted


def test_a_model_without_its_tokenizer_is_refused(tmp_path, vocabulary_path):
    saved(tmp_path / "out", tokenizer=vocabulary_path)
    (tmp_path / "out/tokenizer.model").unlink()
    with pytest.raises(SettingsError, match="step-00000000 has no tokenizer beside it: name it with --tokenizer"):
        TextGenerator.open(tmp_path / "out", None, CPU)
    assert TextGenerator.open(tmp_path / "out", vocabulary_path, CPU).vocabulary.size == PIECES


def test_a_tokenizer_with_other_pieces_than_the_model_is_refused(tmp_path, vocabulary_path):
    model = small_model(SMALL, PIECES + 1)
    read = dict(model.named_parameters()).__getitem__
    save_imported(imported(tokenizer=vocabulary_path, vocabulary_size=PIECES + 1, read=read), tmp_path / "out")
    with pytest.raises(SettingsError, match="has 600 pieces, the model 601"):
        TextGenerator.open(tmp_path / "out", None, CPU)
