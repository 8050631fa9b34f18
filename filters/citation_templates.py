"""The templates with which the twenty Wikipedias cite: their names, and their parameters that hold an address.

Source: the twenty wikis' dumps; InternetArchiveBot's, ProveIt's and CS1's tables of names. One table serves all wikis,
with a row for what each calls its own: they borrow one another's templates, so that `{{cite web}}` stands on pages in
all twenty languages. A name that ends in `*` stands for all that start so.
"""

import re
from functools import lru_cache

CITATIONS: dict[str, str] = {
    "bg": "цитат*;цитирай*",
    "ca": "ref-*;citar*;obra citada",
    "cs": "citace *",
    "da": "kilde *;citat *",
    "de": "internetquelle;literatur",
    "en": "cite;cite *;cite-*;citeweb;citebook;citenews;citejournal;citepaper;citation;vcite*;vancite *;web cite;"
    "web reference;news reference;book reference;journal reference;harvard reference;c web;c news;c book;c journal;"
    "cit web;cit news;cit book;cit journal;citation *",
    "es": "cita;cita *;citalibro;ref libro;ref-libro;obra citada",
    "fr": "lien web;lien conférence;lien vidéo;lien brisé;ouvrage;article;chapitre;périodique;lien archive",
    "hr": "citiranje*",
    "hu": "citlib;citper;citweb;hivatkozás*",
    "it": "cita *",
    "nl": "citeer *",
    "pl": "cytuj;cytuj *",
    "pt": "citar *;referência a *;ref-livro",
    "ro": "citat *;citație;citare *",
    "ru": "книга;статья;публикация;учебник",
    "sl": "navedi *",
    "sr": "навод *;наведи *;navedi *;citiranje*",
    "sv": "webbref*;webref;bokref;tidningsref;tidskriftsref;pressmeddelanderef",
    "uk": "книга;стаття;публікація;cite*",
}
"""Templates that say where something was found."""

FOOTNOTES: dict[str, str] = {
    "bg": "бележка",
    "ca": "nota;notaref",
    "cs": "poznámka pod čarou",
    "da": "fodnote",
    "de": "fn;fnbox;anmerkung",
    "en": "refn;efn;efn-*;efn2*;footnote;refnest;note",
    "es": "refn;nota;nota al pie",
    "fr": "note;refnest",
    "hr": "fusnota",
    "hu": "megj;megjegyzés;jegyzet",
    "it": "nota",
    "nl": "noot;voetnoot",
    "pl": "przypisy;uwaga;refn",
    "pt": "nota de rodapé;nota;notatag",
    "ro": "notă",
    "ru": "ref+;комм;прим",
    "sl": "opomba",
    "sr": "напомена;белешка",
    "sv": "not;fotnot",
    "uk": "прим;виноска",
}
"""Templates whose parameters are the contents of a reference, as between `<ref>` and `</ref>`."""

ADDRESSES: dict[str, str] = {
    "bg": "уеб адрес;архив уеб адрес",
    "ca": "arxiuurl;urlarxiu;urlcapítol",
    "cs": "url archivu;url kapitoly",
    "da": "arkivurl;arkiv-url",
    "de": "online;archiv-url",
    "en": "url;uri;1;2;chapter-url;contribution-url;section-url;article-url;entry-url;map-url;conference-url;event-url;"
    "transcript-url;lay-url;lay-summary;archive-url;chapterurl;contributionurl;sectionurl;mapurl;conferenceurl;"
    "eventurl;transcripturl;layurl;laysummary;archiveurl",
    "es": "urlarchivo;urlcapítulo;urlcapitulo;urlconferencia",
    "fr": "lire en ligne;présentation en ligne;écouter en ligne;url texte;adresse;lien",
    "hr": "arhivurl;url-arhiva",
    "hu": "archívurl;archív url",
    "it": "urlarchivio;urlcapitolo",
    "nl": "archiefurl;hoofdstukurl",
    "pl": "archiwum;adres rozdziału;adres",
    "pt": "arquivourl;arquivo-url;urlarquivo;url-capítulo;transcricaourl;transcriçãourl",
    "ro": "arhivurl;url-arhivă",
    "ru": "ссылка;ссылка часть",
    "sl": "arhivurl;arhiv-url",
    "sr": "архивurl;адреса",
    "sv": "arkivurl;kapitelurl",
    "uk": "посилання",
}
"""Parameters of citations that hold an address, so that one without a scheme is known for what it is."""

LINKS = "url;official website;official url;link;collegamento interrotto;enlace roto;webarchive;wayback"
"""Templates that are no more than a link, wherever a reference holds one."""

_MAX_NAME_CHARS = 300
_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
_NAMESPACE = re.compile(
    r":?(?:template|шаблон|plantilla|šablona|skabelon|vorlage|modèle|predložak|sablon|sjabloon|szablon|predefinição|"
    r"format|predloga|mall):\s*"
)
_FUNCTION_REF = re.compile(r"#[^:|]{1,20}:\s*ref")  # {{#tag:ref|…}}, and in Russian {{#тег:ref|…}}.
_SEPARATORS = re.compile(r"[\s_-]+")


def template_name(written: str) -> str:
    """A template's name as the tables have it: lower case, single blanks, without comments and namespace."""
    name = written[:_MAX_NAME_CHARS]
    if "<!--" in name:
        name = _COMMENT.sub("", name)
    return _NAMESPACE.sub("", " ".join(name.replace("_", " ").lower().split()), count=1)


def parameter_name(written: str) -> str:
    """A parameter's name as the tables are asked for it: `Archive_URL` is `archive url`."""
    return _SEPARATORS.sub(" ", _COMMENT.sub("", written[:_MAX_NAME_CHARS]).strip().lower())


@lru_cache(maxsize=4096)
def is_citation(name: str) -> bool:
    """Does a template with this name say where something was found?"""
    return _CITATION.fullmatch(name) is not None


@lru_cache(maxsize=4096)
def is_footnote(name: str) -> bool:
    """Does a template with this name hold a reference, as `<ref>` does?"""
    return _FOOTNOTE.fullmatch(name) is not None or _FUNCTION_REF.fullmatch(name) is not None


def is_link(name: str) -> bool:
    """Is a template with this name a link, whose address may lack its scheme?"""
    return name in _LINKS


def is_address(parameter: str) -> bool:
    """Does a citation's parameter with this name hold an address?"""
    return parameter in _ADDRESSES


def _pattern(table: dict[str, str]) -> re.Pattern[str]:
    names = {name for row in table.values() for name in row.split(";")}
    return re.compile("|".join(re.escape(name).replace(r"\*", ".*") for name in sorted(names)), re.DOTALL)


_CITATION = _pattern(CITATIONS)
_FOOTNOTE = _pattern(FOOTNOTES)
_LINKS = frozenset(LINKS.split(";"))
_ADDRESSES = frozenset(parameter_name(name) for row in ADDRESSES.values() for name in row.split(";"))
