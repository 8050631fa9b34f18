"""The names by which the twenty wikis cite, each on a line as it stands in an article."""

import pytest

from filters.citation_templates import (
    ADDRESSES,
    CITATIONS,
    FOOTNOTES,
    LINKS,
    is_address,
    is_citation,
    is_footnote,
    is_link,
    parameter_name,
    template_name,
)
from filters.citations import cited_urls
from pipeline.section import WIKIPEDIA_LANGUAGES

WRITTEN = {
    "bg": "{{Цитат уеб| уеб_адрес = http://a.example/x |заглавие=Преброяване |достъп_дата=2012-05-01}}",
    "ca": "{{Ref-web|url=http://a.example/x|títol=Població|consulta=3 març 2015|arxiuurl=}}",
    "cs": "{{Citace elektronické monografie\n | titul = Praha\n | url = http://a.example/x\n | datum přístupu = 2010}}",
    "da": "{{Kilde www |url=http://a.example/x |titel=Byen |besøgsdato=2. maj 2011}}",
    "de": "{{Literatur |Autor=A. Muster |Titel=Die Stadt |Datum=1999 |Online=[http://a.example/x online]}}",
    "en": "{{cite news |last=Doe |title=The [[town|Town]] |url=http://a.example/x |access-date=1 May 2011}}",
    "es": "{{cita publicación |título=La ciudad |url=http://a.example/x |fechaacceso=1 de mayo de 2011}}",
    "fr": "{{Ouvrage|langue=fr|prénom1=A.|titre=La Ville|lire en ligne=http://a.example/x|passage=12-15}}",
    "hr": "{{Citiranje časopisa|url=http://a.example/x|naslov=Grad|journal=Dnevnik}}",
    "hu": "{{CitLib |szerző=Kovács |cím=A város |url=http://a.example/x |év=2001}}",
    "it": "{{cita web|http://a.example/x|La città|accesso=1 maggio 2011}}",
    "nl": "{{Citeer web |url=http://a.example/x |titel=De stad |bezochtdatum=2011-05-01}}",
    "pl": "{{Cytuj książkę |tytuł=Miasto |rozdział=II |adres rozdziału=http://a.example/x |rok=2001}}",
    "pt": "{{Citar periódico |título=A cidade |url=http://a.example/x |acessodata=1 de maio de 2011}}",
    "ro": "{{Citat web|url=http://a.example/x|titlu=Orașul|accessdate=2011-05-01}}",
    "ru": "{{книга|автор=Иванов И.|заглавие=Город|ссылка=http://a.example/x|год=1999}}",
    "sl": "{{navedi splet|url=http://a.example/x|title=Mesto|accessdate=1. maj 2011}}",
    "sr": "{{Наведи веб|url=http://a.example/x|title=Град|accessdate=2011-05-01}}",
    "sv": "{{webbref |url=http://a.example/x |titel=Staden |hämtdatum=2011-05-01 |arkivurl=}}",
    "uk": "{{Стаття|автор=Іваненко І.|заголовок=Місто|посилання=http://a.example/x|рік=2001}}",
}
NOTED = {
    "bg": "{{Бележка|http://a.example/x}}",
    "ca": "{{notaref|vegeu http://a.example/x}}",
    "cs": "{{Poznámka pod čarou|viz http://a.example/x}}",
    "da": "{{Fodnote|se http://a.example/x}}",
    "de": "{{FNBox|{{FNZ|1|[http://a.example/x Amt]}}}}",
    "en": "{{efn-ua|name=a|See [http://a.example/x here].}}",
    "es": "{{#tag:ref|véase http://a.example/x|group=n}}",
    "fr": "{{Note|texte=Voir http://a.example/x|groupe=n}}",
    "hr": "{{Fusnota|http://a.example/x}}",
    "hu": "{{megj|lásd: http://a.example/x}}",
    "it": "{{nota|Vedi http://a.example/x}}",
    "nl": "{{noot|Zie http://a.example/x}}",
    "pl": "{{Przypisy|\n<ref name=b>http://a.example/x</ref>\n|gus = http://a.example/y }}",
    "pt": "{{Nota de rodapé|ver http://a.example/x}}",
    "ro": "{{Notă|http://a.example/x}}",
    "ru": "{{#тег:ref|см. http://a.example/x|name=a}}",
    "sl": "{{opomba|http://a.example/x}}",
    "sr": "{{напомена|http://a.example/x}}",
    "sv": "{{not|Se http://a.example/x}}",
    "uk": "{{прим|http://a.example/x}}",
}


def test_each_wiki_has_its_row():
    for table in (CITATIONS, FOOTNOTES, ADDRESSES, WRITTEN, NOTED):
        assert tuple(table) == WIKIPEDIA_LANGUAGES


@pytest.mark.parametrize("language", WIKIPEDIA_LANGUAGES)
def test_a_citation_of_each_wiki_gives_its_address(language):
    assert cited_urls(f"* {WRITTEN[language]}\n{{{{Infobox|url=http://home.example}}}}") == ("http://a.example/x",)


@pytest.mark.parametrize("language", WIKIPEDIA_LANGUAGES)
def test_a_footnote_of_each_wiki_is_a_reference(language):
    assert cited_urls(NOTED[language])[0] == "http://a.example/x"


@pytest.mark.parametrize("name", [name for row in CITATIONS.values() for name in row.split(";")])
def test_every_name_of_the_table_cites(name):
    written = name.replace("*", "X").capitalize()
    assert is_citation(template_name(written))
    assert cited_urls(f"{{{{{written} | x=1 | url = http://a.example/x }}}}") == ("http://a.example/x",)


@pytest.mark.parametrize("name", [name for row in FOOTNOTES.values() for name in row.split(";")])
def test_every_footnote_of_the_table_refers(name):
    written = name.replace("*", "X")
    assert is_footnote(template_name(written))
    assert cited_urls(f"{{{{{written}|http://a.example/x}}}}") == ("http://a.example/x",)


@pytest.mark.parametrize("name", [name for row in ADDRESSES.values() for name in row.split(";")])
def test_every_parameter_of_the_table_may_lack_the_scheme(name):
    assert cited_urls(f"{{{{cite web|{name.upper()}=www.a.example/x}}}}") == ("http://www.a.example/x",)


@pytest.mark.parametrize("name", LINKS.split(";"))
def test_a_link_in_a_reference_may_lack_the_scheme(name):
    assert is_link(name)
    assert cited_urls(f"<ref>{{{{{name}|a.example/x}}}}</ref> {{{{{name}|b.example}}}}") == ("http://a.example/x",)


@pytest.mark.parametrize(
    "name", ["infobox", "citroën", "articles", "bookref", "citations missing", "webbrowser", "efnx", "main", ""]
)
def test_other_templates_neither_cite_nor_refer(name):
    assert not is_citation(name) and not is_footnote(name) and not is_link(name)


@pytest.mark.parametrize(
    "name, found", [("#tag:ref", True), ("#тег: ref", True), ("#tag:gallery", False), ("#if:x", False)]
)
def test_the_function_that_makes_a_reference_is_known_by_any_name(name, found):
    assert is_footnote(name) == found


@pytest.mark.parametrize(
    "written, name",
    [
        (" Cite_web\n", "cite web"),
        ("Cite  WEB<!-- the usual one -->", "cite web"),
        ("Шаблон: Книга", "книга"),
        ("Vorlage:Literatur", "literatur"),
        ("cite web<!-- never closed", "cite web"),
        ("x" * 400, "x" * 300),
        ("", ""),
    ],
)
def test_a_name_is_one_however_it_is_written(written, name):
    assert template_name(written) == name


@pytest.mark.parametrize("written", ["archive-url", "Archive_URL", " archive url ", "archive<!-- a -->-url"])
def test_a_parameter_is_one_however_it_is_written(written):
    assert parameter_name(written) == "archive url"
    assert is_address(parameter_name(written)) and not is_address("title")
