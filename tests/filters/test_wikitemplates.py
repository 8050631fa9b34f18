"""Templates that dress words leave the words, all others a hole."""

import pytest

from filters.wikilayout import HOLE
from filters.wikitemplates import template_text


@pytest.mark.parametrize(
    "content, text",
    [
        ("lang|fr|mot", "mot"),
        ("Lang|fr|2=mot|italic=no", "mot"),
        ("lang-ru|слово", "слово"),
        ("nowrap|10 km", "10 km"),
        ("nowrap|1=a=b", "a=b"),
        ("transl|ru|ISO|slovo", "slovo"),
        ("convert|5|km", "5 km"),
        ("convert|5|to|10|km|mi", "5 to 10 km"),
        ("cvt|-5|°C", "-5 °C"),
        ("convert|5.5|km", "5.5 km"),
        ("convert|5 1/2|mi|km", "5 1/2 mi"),
        ("frac|1|2", "1/2"),
        ("frac|3|1|2", "3 1/2"),
        ("as of|2012|3", "As of 2012"),
        ("formatnum:12345", "12345"),
        ("quote|Words|Author", "\n\nWords\n\n"),
        ("quote|text=Words|author=X", "\n\nWords\n\n"),
        ("chem|C|n|H|2n+2", "CnH2n+2"),
        ("IPA|/a/", "/a/"),
        ("IPA-de|[a]", "[a]"),
        ("angbr|a", "⟨a⟩"),
        ("ISBN|978-0-19-519813-3", "ISBN 978-0-19-519813-3"),
        ("ISSN|0028-0836", "ISSN 0028-0836"),
        ("OCLC|12345", "OCLC 12345"),
        ("snd", " – "),
        ("!", "|"),
        ("'", "'"),
        (" nihongo \n|Tokyo|東京", "Tokyo"),
        ("NBSP", " "),
    ],
)
def test_words_are_kept(content, text):
    assert template_text(content, "en") == text


@pytest.mark.parametrize(
    "language, content, text",
    [
        ("fr", "date de naissance|11|novembre|1866", "11 novembre 1866"),
        ("fr", "s-|XIX|e", "XIXe siècle"),
        ("fr", "XXe siècle", "XXe siècle"),
        ("fr", "incise|dit-il", "– dit-il –"),
        ("fr", "1er", "1er"),
        ("ca", "segle|XIII", "segle XIII"),
        ("pt", "séc|XIII", "século XIII"),
        ("it", "M|34|u=m", "34 m"),
        ("ru", "нп5|Имя|Name", "Имя"),
        ("de", '"|Wort', "„Wort“"),
    ],
)
def test_a_wiki_has_templates_of_its_own(language, content, text):
    assert template_text(content, language) == text


@pytest.mark.parametrize(
    "language, content",
    [
        ("en", "Infobox city|name=X"),
        ("en", "s-|XIX|e"),
        ("en", "lang|fr"),
        ("en", "lang"),
        ("en", "frac"),
        ("en", "as of"),
        ("en", ""),
        (None, "quote|"),
        ("en", "reflist|30em"),
    ],
)
def test_everything_else_is_a_hole(language, content):
    assert template_text(content, language) == HOLE


@pytest.mark.parametrize(
    "names, shown",
    [
        ("nowrap nobr nobreak small smaller big larger abbr math mvar var val code kbd em strong sup sub ill", "a"),
        ("nihongo sic keypress key ship linktext smallcaps sc mono tt num title noitalic nocaps comment", "a"),
        ("ipa api afi ipalink underline strikethrough lang-fr ipa-fr interlanguage_link link-interwiki", "a"),
        ("not_a_typo proper_name ipa_link", "a"),
        ("lang langx язык мова lang2 wikt-lang", "b"),
        ("transl transliteration translit", "c"),
        ("quote blockquote cquote quotation citat zitat cita citace cytat citaat citazione citação", "\n\na\n\n"),
        ("цитата idézet poem_quote verse_translation", "\n\na\n\n"),
        ("convert cvt unité unite unit", "a"),
        ("frac fraction sfrac", "a b/c"),
        ("as_of", "As of a"),
        ("chem chem2 ce", "abc"),
        ("angbr angle_bracket grapheme", "⟨a⟩"),
        ("ipaslink ipa_slink", "/a/"),
        ("ipablink ipa_blink", "[a]"),
        ("us$", "US$a"),
        ("isbn", "ISBN a"),
        ("issn", "ISSN a"),
        ("oclc", "OCLC a"),
        ("ndash en_dash", "–"),
        ("mdash em_dash", "—"),
        ("spaced_ndash snd spnd", " – "),
        ("spaced_mdash — тире", " — "),
        ("! pipe", "|"),
        ("=", "="),
        ("'", "'"),
        ("· dot middot •", " · "),
        ("pi", "π"),
        ("spaces nbsp space pad int:nbsp", " "),
        ("circa c.", "c. "),
    ],
)
def test_every_template_that_dresses_words_is_known_in_every_wiki(names, shown):
    for name in names.split():
        assert template_text(f"{name}|a|b|c", "en") == shown, name
        assert template_text(f" {name.upper()}\n|a|b|c", None) == shown, name


@pytest.mark.parametrize(
    "language, names, shown",
    [
        ("ca", "unitat romanes", "a"),
        ("ca", "segle", "segle a"),
        ("de", '"', "„a“"),
        ("es", "esd unidad", "a"),
        ("es", "siglo", "siglo a"),
        ("fr", "s s- siècle sap", "ab siècle"),
        ("fr", "date date- date_de_naissance date_de_décès date_de_naissance- date_de_décès-", "a b"),
        ("fr", "nombre nb citation langue2 lien", "a"),
        ("fr", "incise", "– a –"),
        ("fr", "1er", "1er"),
        ("fr", "1re", "1re"),
        ("hu", "szám", "a"),
        ("it", "ta", "a"),
        ("it", "m", "a"),
        ("pt", "fmtn", "a"),
        ("pt", "séc", "século a"),
        ("pt", "converter", "a"),
        ("ro", "conversie", "a"),
        ("ru", "нп5 нп3", "a"),
    ],
)
def test_a_wikis_own_templates_are_known_there_alone(language, names, shown):
    for name in names.split():
        assert template_text(f"{name}|a|b", language) == shown, name
        assert template_text(f"{name}|a|b", "en") == HOLE, name


@pytest.mark.parametrize("name", ["text", "quote", "texte", "zitat", "1", "2", "3", "u", "ul"])
def test_an_argument_named_for_its_words_counts_as_one(name):
    assert template_text(f"quote| {name.upper()} = a ", "en") == "\n\na\n\n"


@pytest.mark.parametrize("name", ["author", "source", "lang-code", "4", "_x"])
def test_any_other_named_argument_shows_nothing(name):
    assert template_text(f"nowrap|{name}=a|b", "en") == "b"


@pytest.mark.parametrize("argument", ["a.b=c", "http://a.example/?b=c", "=c", "2 + 2=4"])
def test_an_equals_sign_behind_no_name_is_part_of_the_words(argument):
    assert template_text(f"nowrap|{argument}", "en") == argument


@pytest.mark.parametrize("word", ["to", "and", "by", "x", "or", "–", "-5", "−5", "+5", ".5"])
def test_a_measure_goes_on_until_its_first_unit(word):
    assert template_text(f"convert|10|{word}|km|mi", "en") == f"10 {word} km"


@pytest.mark.parametrize(
    "name, shown",
    [("XXe siècle", True), ("ier siècle", True), ("XVIIIes siècle", True), ("20e siècle", False), ("un siècle", False)],
)
def test_only_a_roman_century_names_itself(name, shown):
    assert template_text(name, "fr") == (name if shown else HOLE)
