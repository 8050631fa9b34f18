"""Which pages stay, and why the others do not."""

import pytest

from filters.batch import Filter
from filters.wikipedia import ArticleNamespace, LanguageIn, NotRedirect, WikitextToText, is_redirect


@pytest.mark.parametrize(
    "language, reason", [("en", None), ("sr", None), ("ja", "language_not_kept"), (None, "language_not_kept")]
)
def test_languages_that_are_not_asked_for_go(documents, language, reason):
    result = LanguageIn(languages=("en", "sr")).apply(documents("text", language=language))
    assert (result.reason.to_pylist(), result.counts) == ([reason], {})


def test_no_language_at_all_is_refused():
    with pytest.raises(ValueError, match="languages must name at least one language, got none"):
        LanguageIn(languages=())


@pytest.mark.parametrize(
    "path, reason",
    [
        ("0", None),
        ("0/redirect", None),
        (None, None),
        ("1", "not_an_article"),
        ("10", "not_an_article"),
        ("-2", "not_an_article"),
    ],
)
def test_only_articles_stay(documents, path, reason):
    result = ArticleNamespace().apply(documents("text", path=path))
    assert (result.reason.to_pylist(), result.counts) == ([reason], {})


@pytest.mark.parametrize(
    "text, path, reason",
    [
        ("An article.", "0", None),
        ("An article.", "0/redirect", "redirect"),
        ("#REDIRECT [[Paris]]", "0", "redirect"),
        ("#REDIRECT [[Paris]]", None, "redirect"),
        ("", "0", None),
    ],
)
def test_redirects_go(documents, text, path, reason):
    result = NotRedirect().apply(documents(text, path=path, language="en"))
    assert (result.reason.to_pylist(), result.counts) == ([reason], {})


@pytest.mark.parametrize("path, reason", [("0", None), ("0/redirect", "redirect")])
def test_redirects_go_by_the_dumps_element_alone_where_that_is_asked_for(documents, path, reason):
    result = NotRedirect(by_text=False).apply(documents("#REDIRECT [[Paris]]", path=path, language="en"))
    assert result.reason.to_pylist() == [reason]


@pytest.mark.parametrize(
    "language, text, redirect",
    [
        ("en", "#redirect[[A]]", True),
        ("en", "\n# Redirect [[A]]", True),
        ("de", "#WEITERLEITUNG [[A]]", True),
        ("en", "#WEITERLEITUNG [[A]]", False),
        ("ru", "#ПЕРЕНАПРАВЛЕНИЕ [[А]]", True),
        ("uk", "#Перенаправлення [[А]]", True),
        ("bg", "#виж [[А]]", True),
        ("cs", "#PŘESMĚRUJ [[A]]", True),
        ("hu", "#ÁTIRÁNYÍTÁS [[A]]", True),
        ("pl", "#PATRZ [[A]]", True),
        ("sr", "#Преусмери [[А]]", True),
        ("en", "#REDIRECT without a link", False),
        ("en", "\n" * 188 + "#REDIRECT [[A]]", True),
        ("en", "\n" * 189 + "#REDIRECT [[A]]", False),
        ("en", "The word #REDIRECT [[A]]", False),
    ],
)
def test_redirect_words_are_known_in_each_language(language, text, redirect):
    assert is_redirect(text, language) is redirect


def test_wikitext_becomes_text_and_what_is_broken_is_counted(documents):
    deep = "{{t|" * 101 + "}}" * 101 + "\ntext"
    result = WikitextToText().apply(documents("'''A''' [[b]]", "{{t}}", "{{never", "", deep, "[[no", language="en"))
    assert result.batch.column("text").to_pylist() == ["A b", "", "{{never", "", "text", "[[no"]
    assert result.reason.to_pylist() == [None, "empty_text", None, "empty_text", None, None]
    assert result.counts == {"unbalanced": 2, "simplified": 1}


def test_language_decides_which_links_are_files(documents):
    texts = [
        WikitextToText().apply(documents("[[Bild:A]] b", language=x)).batch.column("text")[0].as_py()
        for x in ("de", "en")
    ]
    assert texts == ["b", "Bild:A b"]


def test_input_is_not_changed(documents):
    batch = documents("'''A'''", language="en")
    WikitextToText().apply(batch)
    assert batch.column("text").to_pylist() == ["'''A'''"]


@pytest.mark.parametrize("rule", [LanguageIn(languages=("en",)), ArticleNamespace(), NotRedirect(), WikitextToText()])
def test_rules_are_filters_and_take_an_empty_batch(documents, rule):
    assert isinstance(rule, Filter)
    assert len(rule.apply(documents()).reason) == 0
