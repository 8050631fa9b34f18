"""Wikitext becomes text: each construct, each language, each way to be broken."""

import time
from pathlib import Path

import mwparserfromhell
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filters.wikitext import MAX_CHARS, wikitext_to_text

GOLDEN = Path(__file__).parent.parent / "golden" / "wikipedia"


def plain(wikitext, language="en"):
    return wikitext_to_text(wikitext, language).text


def test_golden_article():
    assert plain((GOLDEN / "lighthouse.wikitext").read_text()) + "\n" == (GOLDEN / "lighthouse.txt").read_text()


@pytest.mark.parametrize(
    "language, name",
    [
        ("bg", "Файл"),
        ("ca", "Fitxer"),
        ("cs", "Soubor"),
        ("da", "Fil"),
        ("de", "Datei"),
        ("es", "Archivo"),
        ("fr", "Fichier"),
        ("hr", "Datoteka"),
        ("hu", "Fájl"),
        ("it", "Immagine"),
        ("nl", "Bestand"),
        ("pl", "Plik"),
        ("pt", "Ficheiro"),
        ("ro", "Fișier"),
        ("ru", "Файл"),
        ("sl", "Slika"),
        ("sr", "Датотека"),
        ("sv", "Fil"),
        ("uk", "Файл"),
    ],
)
def test_captions_do_not_leak_in_any_language(language, name):
    assert plain(f"a [[{name}:x.jpg|thumb|caption with [[link]] and {{{{t}}}}]] b", language) == "a b"


@pytest.mark.parametrize(
    "wikitext, text",
    [
        ("", ""),
        ("plain text.", "plain text."),
        ("'''bold''' and ''italic'' and '''''both'''''", "bold and italic and both"),
        ("l''''accent'''", "l'accent"),
        ("l'''ISTAF'', una", "l'ISTAF, una"),
        ("a<!-- comment -->b", "ab"),
        ("a<!-- never closed", "a"),
        ("a{{t|{{u}}|[[x]]}}b", "ab"),
        ("a{{{parameter|default}}}b", "ab"),
        ("{{{{t}}}}a", "{}a"),
        ("a<ref>note [[x]]</ref>.", "a."),
        ('a<ref name="n" />.', "a."),
        ("a<REF name=n>note</REF >.", "a."),
        ("a\n{|\n| b\n{|\n| c\n|}\n|}\nd", "a\n\nd"),
        (":{|\n|a\n|}\nb", "b"),
        ("a<table><tr><td>b<table>c</table></td></tr></table>d", "a\n\nd"),
        ("{{t|\n|}}a", "a"),
        ("{{t|x={|\n|y\n|}}}a", "a"),
        ("a<gallery>\nFile:x.jpg\n</gallery>b", "ab"),
        ("a<br>b<br />c", "a\nb\nc"),
        ("<p>a</p><p>b</p>", "a\n\nb"),
        ("<ul><li>a</li><li>b</li></ul>", "- a\n- b"),
        ("<span style='x'>a</span> <small>b</small>", "a b"),
        ("x < y and <unknown> z", "x < y and <unknown> z"),
        ("m<sup>2</sup> CO<sub>2</sub> a<sup>th</sup>", "m² CO₂ ath"),
        ("[http://a.example label text] b", "label text b"),
        ("a [http://a.example] b", "a b"),
        ("[//a.example x] [mailto:a@b c]", "x c"),
        ("see http://a.example/x.", "see http://a.example/x."),
        ("array[0] and [sic]", "array[0] and [sic]"),
        ("__NOTOC__a __init__ b", "a __init__ b"),
        ("__KEIN_INHALTSVERZEICHNIS__a __БЕЗ_ОГЛАВЛЕНИЯ__", "a"),
        ("__FILE__ __VA_ARGS__ ____A__", "__FILE__ __VA_ARGS__ ____A__"),
        ("<math>a &lt; b</math>", "$a < b$"),
        ("<pre><nowiki>[[a]] &amp;</nowiki></pre>", "[[a]] &"),
        ("a&nbsp;b &amp; &lt;ref&gt; &eacute;", "a b & <ref> é"),
        ("<nowiki>[[a]] {{b}}</nowiki>", "[[a]] {{b}}"),
        ("<math>\\frac{a}{b}\n + {{c}}</math>", "$\\frac{a}{b} + {{c}}$"),
        ("<math></math>a", "a"),
        ("<code>x = [[y]]</code>", "x = y"),
        ("a\n<pre>\n  b\n   c\n</pre>\nd", "a\n\n  b\n   c\n\nd"),
        ("<poem>\none\ntwo ''three''\n</poem>", "one\ntwo three"),
        ("[[a|[b]]]", "[b]"),
        ("a]] b}} c", "a]] b}} c"),
        ("a |} b {| c", "a |} b {| c"),
        ("|} a", ""),
        ("DNA[[s]]equence [[cat]]s", "DNAsequence cats"),
    ],
)
def test_construct_becomes_text(wikitext, text):
    assert plain(wikitext) == text


@pytest.mark.parametrize("language, text", [("sr", "реч a"), ("en", "-{реч}- -{sr-ec:a; sr-el:b}- -{T|x}-")])
def test_script_variants_are_resolved_where_the_wiki_has_them(language, text):
    assert plain("-{реч}- -{sr-ec:a; sr-el:b}- -{T|x}-", language) == text


@pytest.mark.parametrize(
    "wikitext, text",
    [
        ("a {{never closed b", "a {{never closed b"),
        ("a [[never closed b", "a [[never closed b"),
        ("a <ref>never closed b", "a never closed b"),
        ("a\n{|\n| row\nafter", "a\n\nafter"),
        ("a {{t [[x }} b", "a b"),
        ("<math>x", "x"),
    ],
)
def test_unbalanced_page_keeps_its_text_and_says_so(wikitext, text):
    page = wikitext_to_text(wikitext, "en")
    assert (page.text, page.unbalanced) == (text, True)


def test_balanced_page_is_not_called_unbalanced():
    assert not wikitext_to_text("[[a]] {{b}} <ref>c</ref>\n{|\n|d\n|}", "en").unbalanced


@pytest.mark.parametrize(
    "wikitext, kept",
    [
        ("{{t|" * 10_000 + "}}" * 10_000 + "\nkept", "kept"),
        ("[[a|" * 10_000 + "kept" + "]]" * 10_000, "kept"),
        ("{{lang|fr|" * 60 + "word " * 1000 + "}}" * 60 + "\nkept", "kept"),
        ("x " * (MAX_CHARS // 2) + "[[a|kept]]", "kept"),
        ("{|\n" * 101 + "| a\n" + "|}\n" * 101 + "kept", "kept"),
    ],
)
def test_a_page_too_tangled_or_too_long_is_simplified(wikitext, kept):
    page = wikitext_to_text(wikitext, "en")
    assert (page.text[-4:], page.unbalanced, page.simplified) == (kept, True, True)


@pytest.mark.parametrize("length, simplified", [(MAX_CHARS, False), (MAX_CHARS + 1, True)])
def test_the_longest_page_that_is_read_as_it_should_be(length, simplified):
    assert wikitext_to_text("x" * length, "en").simplified is simplified


def test_half_a_million_rows_of_a_table_are_dropped():
    page = wikitext_to_text("{|\n" + "|-\n| a\n" * 500_000 + "|}\nkept", "en")
    assert (page.text, page.unbalanced, page.simplified) == ("kept", False, False)


@pytest.mark.parametrize(
    "piece", ["{{t|", "[[a|", "{|\n", "<ref>", "<b x='", "\n****", "{", "({{t}}, ", "{{lang|fr|x}}", "\n|-\n| a", "''"]
)
def test_time_grows_with_the_page_and_no_faster(piece):
    def seconds(length):
        before = time.process_time()
        wikitext_to_text(piece * (length // len(piece)), "en")
        return time.process_time() - before

    seconds(10_000)
    assert seconds(800_000) < 4 * 4 * seconds(200_000) + 0.2


@pytest.mark.parametrize(
    "piece",
    (
        *("{{", "}}", "{{{", "[[", "]]", "[[a|", "{{a|", "{|\n", "\n|}", "<ref>", "<math>", "<table>", "[http://x "),
        *("<!--", "<b ", "'''", "''", "=", "(", "( ", "-{", "&", "__A", "\n*", "\n== ", "<nowiki>", "{{lang|fr|"),
        *("<poem>", "(a:"),
    ),
)
def test_hostile_page_takes_bounded_time(piece):
    before = time.process_time()
    wikitext_to_text(piece * (300_000 // len(piece)), "sr")
    assert time.process_time() - before < 5


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            "a b {{ }} [[ ]] {| |} \n | <ref> </ref> <math> </math> '' == * ( ) , x|y &amp; <!-- -->".split(" ")
        )
    )
)
def test_any_order_of_marks_gives_text_without_marks_of_ours(pieces):
    text = plain("".join(pieces))
    assert not set(text) & set("\x00\x01\x02\x03")
    assert text == text.strip()


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.sampled_from(["word ", "[[link]] ", "[[a|label]] ", "''it'' ", "{{t|x}} ", "<ref>n</ref> "]), max_size=20
    )
)
def test_words_are_those_that_mwparserfromhell_leaves(pieces):
    wikitext = "".join(pieces).replace("<ref>n</ref>", "")
    expected = mwparserfromhell.parse(wikitext).strip_code().split()
    assert plain("".join(pieces)).split() == expected


def test_control_characters_of_the_page_are_no_marks_of_ours():
    assert plain("a\x00b\x010\x02c\x03d\te") == "ab0cd e"


@pytest.mark.parametrize(
    "tag",
    "categorytree chart gallery graph hiero imagemap includeonly indicator inputbox mapframe maplink ref references "
    "score script style templatedata templatestyles timeline".split(),
)
def test_a_silent_element_shows_nothing(tag):
    assert plain(f"a<{tag} x=1>[[b]]</{tag}>c<{tag}/>d") == "acd"


@pytest.mark.parametrize("tag", ["ce", "chem", "math"])
def test_a_formula_stays_as_it_is_written(tag):
    assert plain(f"a <{tag}>[[b]]</{tag}> c") == "a $[[b]]$ c"


@pytest.mark.parametrize(
    "opening, shown",
    [
        ("nowiki", "a [[b]] c"),
        ("pre", "a\n\n[[b]]\n\nc"),
        ("source", "a\n\n[[b]]\n\nc"),
        ("syntaxhighlight", "a\n\n[[b]]\n\nc"),
        ("syntaxhighlight inline", "a [[b]] c"),
        ("source lang=c INLINE=1", "a [[b]] c"),
    ],
)
def test_code_stays_as_it_is_written(opening, shown):
    assert plain(f"a <{opening}>[[b]]</{opening.split()[0]}> c") == shown


@pytest.mark.parametrize(
    "tag",
    "a abbr b bdi bdo big cite code data del dfn em font i img ins kbd mark nobr noinclude onlyinclude q rb rp rt rtc "
    "ruby s samp section small span strike strong sub sup td th time tr translate tt tvar u var wbr".split(),
)
def test_a_tag_within_a_line_goes_and_its_words_stay(tag):
    assert plain(f"a<{tag} x='y'>[[b]]</{tag}>c") == "abc"


@pytest.mark.parametrize("tag", "blockquote center dd div dl dt h1 h2 h3 h4 h5 h6 hr ol p tbody thead ul poem".split())
def test_a_tag_of_a_block_parts_paragraphs(tag):
    assert plain(f"a<{tag}>b</{tag}>c") == "a\n\nb\n\nc"


@pytest.mark.parametrize(
    "language, name",
    [
        ("bg", "Категория"),
        ("ca", "Categoria"),
        ("cs", "Kategorie"),
        ("da", "Kategori"),
        ("de", "Kategorie"),
        ("es", "Categoría"),
        ("fr", "Catégorie"),
        ("hr", "Kategorija"),
        ("hu", "Kategória"),
        ("it", "Categoria"),
        ("nl", "Categorie"),
        ("pl", "Kategoria"),
        ("pt", "Categoria"),
        ("ro", "Categorie"),
        ("ru", "Категория"),
        ("sl", "Kategorija"),
        ("sr", "Категорија"),
        ("sv", "Kategori"),
        ("uk", "Категорія"),
        ("uk", "Category"),
    ],
)
def test_categories_do_not_leak_in_any_language(language, name):
    assert plain(f"a\n[[{name}:B]]\n[[{name.lower()} : C|*]]", language) == "a"
    assert plain(f"a [[:{name}:B]]", language) == f"a {name}:B"


@pytest.mark.parametrize("prefix", ["http://", "https://", "ftp://", "//", "mailto:", "news:", "irc:", "HTTP://"])
def test_a_link_to_the_outside_shows_its_label(prefix):
    assert plain(f"a [{prefix}b.example?x|y ''c'' d] e") == "a c d e"
    assert plain(f"a [{prefix}b.example] e") == "a e"


@pytest.mark.parametrize("bracket", ["[gopher://b c]", "[b c]", "[ http://b c]"])
def test_other_brackets_stay(bracket):
    assert plain(f"a {bracket} d") == f"a {bracket} d"


@pytest.mark.parametrize("article", ["c", "d", "j", "l", "m", "n", "s", "t", "qu", "un", "all", "dell", "nell", "sull"])
def test_an_elision_before_a_title_keeps_its_apostrophe(article):
    assert plain(f"x {article}'''Otello'', y", "it") == f"x {article}'Otello, y"
    assert plain(f"x '''{article}'''Otello y", "it") == f"x {article}Otello y"


@pytest.mark.parametrize(
    "quotes, left", [("''", ""), ("'''", ""), ("''''", "'"), ("'''''", ""), ("''''''", "'"), ("'", "'")]
)
def test_quotes_that_dress_words_go(quotes, left):
    assert plain(f"a {quotes}b") == f"a {left}b"


@pytest.mark.parametrize(
    "before, after",
    [
        ("x<sup>2</sup>", "x²"),
        ("x<SUP> -1 </SUP>", "x⁻¹"),
        ("Ca<sup>2+</sup>", "Ca²⁺"),
        ("A<sup>2−</sup>", "A²⁻"),
        ("x<sub>10</sub>", "x₁₀"),
        ("x<sup>n</sup>", "xⁿ"),
        ("x<sup>2</sub>", "x2"),
        ("x<sup>1234567</sup>", "x1234567"),
    ],
)
def test_raised_and_lowered_numbers_stay_apart_from_what_they_follow(before, after):
    assert plain(before) == after
