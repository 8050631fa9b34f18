"""Documents that hold text of evaluation sets are found with evidence, and dropped."""

import pyarrow as pa
import pytest

from filters.contamination import CONTAMINATION, DropContaminated, FindContamination
from filters.contamination_index import PASSAGES_SCHEMA, load_index, write_passages
from filters.plain_shingles import plain_words

QUESTION = "What did the Queen's messenger say to the old man, when he came back from the sea in May?"
WORDS = plain_words(QUESTION)


@pytest.fixture
def rule(tmp_path):
    """`rule(texts, …)`: the filter over one set of passages."""

    def build(*texts, ngram_words=13, **settings):
        rows = [
            {"set": "quiz", "item": f"q.jsonl#{i + 1}", "field": "question", "text": text, "items": [i]}
            for i, text in enumerate(texts)
        ]
        path = str(tmp_path / f"{len(list(tmp_path.iterdir()))}.parquet")
        table = pa.Table.from_pylist(rows, PASSAGES_SCHEMA)
        write_passages(path, table, ngram_words=ngram_words, max_passages=10)
        return FindContamination(index_path=path, **settings)

    return build


def column(result):
    return result.batch.column(CONTAMINATION.name).to_pylist()


def test_evidence_says_whose_text_it_is_and_where_it_stands(rule, documents):
    text = "É — so it was:\n" + QUESTION + "\nThe end."
    result = rule(QUESTION).apply(documents("Clean.", text))
    clean, (found,) = column(result)
    assert clean is None
    assert found == {
        **{"set": "quiz", "item": "q.jsonl#1", "field": "question", "ngram": " ".join(WORDS[:13])},
        **{"place": text.index("What"), "hits": 8, "found": 8, "ngrams": 8},
    }
    assert result.reason.to_pylist() == [None, None]
    assert result.counts == {"documents": 1, "documents.quiz": 1}


@pytest.mark.parametrize("words, is_found", [(12, False), (13, True), (14, True)])
def test_so_many_words_of_an_item_are_needed(rule, documents, words, is_found):
    for start in (0, 3, len(WORDS) - words):
        text = " ".join(["before", *WORDS[start : start + words], "behind"])
        assert (column(rule(QUESTION).apply(documents(text)))[0] is not None) == is_found


@pytest.mark.parametrize("words", [12, 13, 14])
def test_an_item_of_about_so_many_words_is_found_whole(rule, documents, words):
    item = " ".join(WORDS[:words])
    ((found,),) = column(rule(item).apply(documents(f"x {item} y")))
    assert (found["found"], found["ngrams"]) == (max(1, words - 12),) * 2
    assert column(rule(item).apply(documents(" ".join(WORDS[: min(words, 13) - 1])))) == [None]


@pytest.mark.parametrize(
    "text",
    [
        QUESTION.upper(),
        QUESTION.replace(" ", "\n"),
        QUESTION.replace(" ", " … ").replace("'", "’"),
        QUESTION.replace("e", "e\u0301"),
        QUESTION.replace("o", "o\u00ad"),
        "<p>" + QUESTION.replace(" the ", " <b>_the_</b> ").replace("<b>", "").replace("</b>", ""),
    ],
)
def test_case_lines_marks_and_accents_hide_nothing(rule, documents, text):
    assert column(rule(QUESTION).apply(documents(text)))[0][0]["found"] == 8


@pytest.mark.parametrize(
    "item, text",
    [
        ("Сколько лет было старику, когда он вернулся с моря?", "СКОЛЬКО ЛЕТ было старику — когда он вернулся с моря"),
        ("老人与海是一部小说", "他说：老人与海，是一部小说。"),
        ("ทะเลและชายชรา", "ทะเลและชายชรา"),
        ("노인이 바다에서 돌아왔을 때 무슨 말을 했습니까", "노인이 바다에서, 돌아왔을 때 무슨 말을 했습니까?"),
    ],
)
def test_other_scripts_are_found(rule, documents, item, text):
    ((found,),) = column(rule(item, ngram_words=5).apply(documents(text)))
    assert found["found"] == found["ngrams"] >= 1


@pytest.mark.parametrize("fraction, kept", [(0.0, False), (0.25, False), (0.26, True), (1.0, True)])
def test_a_document_is_contaminated_from_a_fraction_on(rule, documents, fraction, kept):
    text = " ".join(WORDS[:14])
    assert (column(rule(QUESTION, min_fraction=fraction).apply(documents(text))) == [None]) == kept


def test_a_word_changed_in_the_middle_is_no_hit(rule, documents):
    changed = [*WORDS[:9], "another", *WORDS[10:]]
    assert column(rule(QUESTION).apply(documents(" ".join(changed)))) == [None]


def test_the_evidence_stands_in_the_document(rule, documents):
    texts = [f"{'é中 ' * n}{QUESTION}" for n in range(4)]
    for text, (found,) in zip(texts, column(rule(QUESTION).apply(documents(*texts))), strict=True):
        assert plain_words(text[found["place"] :])[:13] == found["ngram"].split()


def test_several_batches_are_counted_together(rule, documents):
    found = rule(QUESTION, WORDS[0])
    counted = FindContamination(index_path=found.index_path, tallies=load_index(found.index_path).tallies())
    first, second = (counted.apply(documents(QUESTION, "")).counts for _ in range(2))
    assert first == second == {"documents": 1, "documents.quiz": 1}
    assert counted.tallies.documents_of_passage.tolist() == [2, 2]


def test_documents_without_text_are_clean(rule, documents):
    result = rule(QUESTION).apply(documents("", " "))
    assert (column(result), result.counts) == ([None, None], {"documents": 0})


def test_contaminated_documents_go_and_keep_their_evidence(rule, documents):
    marked = rule(QUESTION).apply(documents("Clean.", QUESTION)).batch
    result = DropContaminated().apply(marked)
    assert result.reason.to_pylist() == [None, "contaminated"]
    assert (result.batch, dict(result.counts)) == (marked, {})


@pytest.mark.parametrize("fraction", [-0.1, 1.1])
def test_a_fraction_is_one(fraction):
    with pytest.raises(ValueError, match=f"min_fraction must be between 0 and 1, got {fraction}"):
        FindContamination(index_path="p", min_fraction=fraction)
