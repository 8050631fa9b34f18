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
