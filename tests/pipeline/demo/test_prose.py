from random import Random

import pytest

from pipeline.demo import prose
from pipeline.demo.prose import Passage, PassagePool, enough, harvest, paragraphs, source_tree

SENTENCE = "This is a sentence that is long enough to be taken for a paragraph of an article, and it ends well."


@pytest.mark.parametrize(
    "candidate, kept",
    [
        (SENTENCE, SENTENCE),
        (f"  {SENTENCE[:40]}\n    {SENTENCE[40:]}  ", SENTENCE[:40] + " " + SENTENCE[40:].strip()),
        (SENTENCE.replace("sentence", "``sentence``"), SENTENCE),
        (SENTENCE[:-1], None),
        (SENTENCE.lower(), None),
        ("Too short.", None),
        (SENTENCE * 20, None),
        (SENTENCE.replace("article", "{article}"), None),
        (SENTENCE.replace("taken", ">>> taken"), None),
        (SENTENCE.replace("a paragraph", "Javascript"), None),
        (SENTENCE.replace("a paragraph", "1234567890 1234567890"), None),
        ("A" * 100 + ".", None),
        ("", None),
    ],
)
def test_only_sentences_are_prose(candidate, kept):
    expected = " ".join(kept.split()) if kept else None
    assert prose.prose(candidate) == expected


def test_prose_is_found_in_docstrings_and_comments_of_python():
    source = f'"""{SENTENCE}\n\nx = 1\n"""\n\nvalue = 1\n# {SENTENCE[:50]}\n#{SENTENCE[50:]}\nother = 2\n'
    assert list(paragraphs(source, ".py")) == [SENTENCE, SENTENCE[:50].rstrip() + " " + SENTENCE[50:].strip()]


def test_prose_is_found_in_comments_of_c():
    source = f"/* {SENTENCE} */\nint x;\n/// {SENTENCE}\n"
    assert list(paragraphs(source, ".h")) == [SENTENCE, SENTENCE]


def test_the_harvest_is_the_same_each_time_and_has_no_paragraph_twice():
    first = harvest(60_000)
    assert first == harvest(60_000)
    texts = [text for passage in first for text in passage.paragraphs]
    assert len(texts) == len(set(texts))
    assert 60_000 <= sum(map(len, texts)) < 70_000


def test_a_passage_is_of_one_package_and_not_long():
    for passage in harvest(60_000):
        assert passage.package == "python"
        assert passage.chars < prose.PASSAGE_CHARS + prose.MAX_PARAGRAPH_CHARS
        assert passage.title


def test_a_passage_is_handed_out_once_until_there_are_none_left():
    passages = [Passage(title=str(n), package="x", paragraphs=("ten chars.",)) for n in range(10)]
    pool = PassagePool(passages, Random(1))
    first, rest = pool.take(35), pool.take(1000)
    assert (pool.total_chars, len(first), len(rest), pool.take(1)) == (100, 4, 6, [])
    assert sorted(item.title for item in first + rest) == [str(n) for n in range(10)]


def test_the_order_of_a_pool_follows_its_seed():
    passages = [Passage(title=str(n), package="x", paragraphs=("y",)) for n in range(10)]
    orders = [[item.title for item in PassagePool(passages, Random(seed)).take(99)] for seed in (1, 1, 2)]
    assert orders[0] == orders[1] != orders[2]


def test_a_source_tree_is_listed_in_order_without_other_packages(tmp_path):
    for name in ("b.py", "a.py", "c.txt", "site-packages/d.py", "sub/e.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x = 1\n")
    (tmp_path / "empty.py").touch()
    found = [path.relative_to(tmp_path).as_posix() for path in source_tree(tmp_path, (".py",))]
    assert found == ["a.py", "b.py", "sub/e.py"]


def test_passages_that_are_too_few_are_joined_by_new_ones_of_the_same_sentences():
    few = harvest(30_000)
    many = enough(few, 300_000, Random(1))
    assert many[: len(few)] == few == enough(few, 30_000, Random(1))
    assert 300_000 <= sum(passage.chars for passage in many) < 310_000
    texts = [text for passage in many for text in passage.paragraphs]
    assert len(set(texts)) > 0.99 * len(texts)
    known = {part for passage in few for text in passage.paragraphs for part in prose._SENTENCE_END.split(text)}
    assert {part for text in texts for part in prose._SENTENCE_END.split(text)} == known


def test_new_passages_follow_the_seed_and_there_are_none_of_nothing():
    few = harvest(10_000)
    grown = [enough(few, 30_000, Random(seed)) for seed in (1, 1, 2)]
    assert grown[0] == grown[1] != grown[2]
    assert enough([], 1000, Random(1)) == []
