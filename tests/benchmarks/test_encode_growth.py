from benchmarks.encode_growth import ENCODING, timed_documents, worst_texts
from benchmarks.growth import in_own_process
from benchmarks.models import tokenizer


def test_documents_have_so_many_characters_and_nothing_to_cut_them_at():
    made = list(worst_texts(1000))
    assert [len(text) for text in made] == [1000] * 7
    assert made == list(worst_texts(1000))
    assert not any(character.isspace() for text in made for character in text)


def test_sixteen_times_the_size_is_sixteen_times_the_bytes(inputs):
    assert ENCODING.write(inputs, 16) == 16 * ENCODING.write(inputs, 1) > 1_000_000


def test_a_run_has_a_process_of_its_own(inputs):
    seconds, peak = in_own_process(inputs, ENCODING, 1)
    assert seconds > 0
    assert peak > 50e6


def test_only_encoding_is_timed(inputs):
    found = timed_documents(str(tokenizer(inputs)), 100)
    assert found.keys() == {"seconds", "peak_bytes"}
    assert found["seconds"] < 0.2
