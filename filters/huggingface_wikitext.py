"""Wikipedia as Hugging Face's `wikipedia` script cleans it, through mwparserfromhell: what RedPajama v1 is made of."""

import re
from collections import Counter
from dataclasses import dataclass
from typing import Any, ClassVar

import pyarrow as pa

from filters.batch import FilterResult, reasons, texts, with_column

FILE_PREFIXES: dict[str, str] = {
    "bg": "Медия Файл Картинка",
    "ca": "Fitxer Imatge",
    "cs": "Soubor Média Obrázok",
    "da": "Billede Fil",
    "de": "Medium Datei Bild",
    "es": "Medio Archivo Imagen",
    "fr": "Média Fichier",
    "hr": "Mediji DT Slika F Datoteka",
    "hu": "Kép Fájl Média",
    "it": "Immagine",
    "nl": "Bestand Afbeelding",
    "pl": "Plik Grafika",
    "pt": "Multimédia Ficheiro Arquivo Imagem",
    "ro": "Fişier Imagine Fișier",
    "ru": "Медиа Файл Изображение",
    "sl": "Slika Datoteka",
    "sr": "Датотека Medij Slika Медија Datoteka Медиј Medija Слика",
    "sv": "Fil Bild",
    "uk": "Медіа Медиа Файл Изображение Зображення",
}
"""The script's table for the twenty languages, English aside. `Obrázok`, which it has for Czech, is Slovak."""

CATEGORY_PREFIXES: dict[str, str] = {
    "bg": "Категория",
    "ca": "Categoria",
    "cs": "Kategorie",
    "da": "Kategori",
    "de": "Kategorie",
    "es": "CAT Categoría",
    "fr": "Catégorie",
    "hr": "CT KT Kategorija",
    "hu": "Kategória",
    "it": "CAT Categoria",
    "nl": "Categorie",
    "pl": "Kategoria",
    "pt": "Categoria",
    "ro": "Categorie",
    "ru": "Категория К",
    "sl": "Kategorija",
    "sr": "Kategorija Категорија",
    "sv": "Kategori",
    "uk": "Категория Категорія",
}

_STEPS_PER_MARK = 100
_STEPS_PER_LIST_MARK = 100
_STEPS_PER_CELL = 300
"""Measured against a character that is read: what becomes a node of the tree costs more (2026-11)."""
_MAX_OPEN = 40
"""mwparserfromhell gives up a bracket that lies deeper, after having read what is in it."""

_MAGIC_WORD = re.compile("__[A-Z]*__")
_MARK = re.compile(r"''+|&|^=|https?:|[{}\[\]<]", re.MULTILINE)
_LIST_MARK = re.compile(r"^[*#:;]+", re.MULTILINE)
_CELL = re.compile(r"^[ \t]*[|!]|\|\||!!", re.MULTILINE)
_BRACKET = re.compile(
    r"\{\{|\}\}|\[\[|\]\]|\[(?=\w+:|//)|\]|^[ :]*\{\||^[ \t]*\|\}|<!--|-->|/>"
    r"|</?(?:br|hr|wbr|li|dd|dt|th|td|tr|meta|link|img)\b[^<>]{0,200}>|</|<(?=[A-Za-z])",
    re.MULTILINE | re.IGNORECASE,
)
_CLOSES = {"}}": "{{", "]]": "[[", "]": "[", "|}": "{|", "-->": "<!--", "</": "<", "/>": "<"}


@dataclass(frozen=True, slots=True, kw_only=True)
class HuggingFaceWikitext:
    """Turns wikitext into text as Hugging Face's script does, section by section, bug for bug.

    Source: Hugging Face's `wikipedia` script 2.0.0 (`_parse_and_clean_wikicode`), as RedPajama v1 ran it.
    Differs: a page on which mwparserfromhell would take more than about `max_steps` steps, or recurse too deep, is
    rejected; the script then ran for minutes, or ended. Its errors drop the page in both.
    Reads text, language. Rewrites text. Rejects: empty_text, parser_error, recursion, too_many_steps. Counts: nothing.
    """

    name: ClassVar[str] = "wikipedia_huggingface"
    reasons: ClassVar[tuple[str, ...]] = ("empty_text", "parser_error", "recursion", "too_many_steps")
    max_steps: int = 10_000_000

    def __post_init__(self) -> None:
        if self.max_steps < 1:
            raise ValueError(f"max_steps must be at least 1, got {self.max_steps}")

    def apply(self, batch: pa.RecordBatch) -> FilterResult:
        """Same rows in the same order; `reason` is null where the document is kept."""
        rows = zip(texts(batch), batch.column("language").to_pylist(), strict=True)
        judged = [self._judge(text, language) for text, language in rows]
        rewritten = with_column(batch, "text", [text for text, _ in judged])
        return FilterResult(rewritten, reasons(reason for _, reason in judged), {})

    def _judge(self, text: str, language: str | None) -> tuple[str, str | None]:
        from mwparserfromhell.parser import ParserError

        if parser_steps(text) > self.max_steps:
            return text, "too_many_steps"
        try:
            cleaned = clean_wikicode(text, language)
        except ParserError:
            return text, "parser_error"
        except RecursionError:
            return text, "recursion"
        return cleaned, None if cleaned else "empty_text"


def clean_wikicode(wikitext: str, language: str | None) -> str:
    """The text of all sections, headings included, also of those that are left empty. Raises what the parser raises."""
    import mwparserfromhell

    is_file = _prefixed("File Image Media", FILE_PREFIXES, language)
    is_category = _prefixed("Category", CATEGORY_PREFIXES, language)
    cleaned: list[str] = []
    for section in mwparserfromhell.parse(wikitext).get_sections(flat=True, include_lead=True, include_headings=True):
        for link in section.ifilter_wikilinks(recursive=True):
            title = str(link.title)
            if is_file.match(title):
                _remove(section, link)
            elif is_category.match(title):
                _drop_prefix(link, is_category)
        for tag in section.ifilter_tags(matches=lambda tag: str(tag.tag) in {"ref", "table"}, recursive=True):
            _remove(section, tag)
        cleaned.append(_MAGIC_WORD.sub("", section.strip_code().strip()))
    return "\n\n".join(cleaned)


def parser_steps(wikitext: str) -> int:
    """About how many characters mwparserfromhell looks at: what opens and never closes makes it read the rest anew."""
    unclosed = 0
    stack: list[str] = []
    opened: Counter[str] = Counter()
    for match in _BRACKET.finditer(wikitext):
        token = match[0].strip(" \t:")
        if token in _CLOSES:
            opener = _CLOSES[token]
            while opened[opener] and (last := stack.pop()):
                opened[last] -= 1
                if last == opener:
                    break
                unclosed += 1
        elif token in _CLOSES.values():
            stack.append(token)
            opened[token] += 1
            unclosed += len(stack) > _MAX_OPEN
    nodes = (
        _STEPS_PER_MARK * sum(1 for _ in _MARK.finditer(wikitext))
        + _STEPS_PER_LIST_MARK * sum(len(match[0]) for match in _LIST_MARK.finditer(wikitext))
        + _STEPS_PER_CELL * sum(1 for _ in _CELL.finditer(wikitext))
    )
    return (1 + unclosed + len(stack)) * len(wikitext) + nodes


def _prefixed(english: str, table: dict[str, str], language: str | None) -> re.Pattern[str]:
    names = "|".join([*english.split(), *table.get(language or "", "").split()])
    return re.compile(f"^(?:{names}):", re.IGNORECASE)


def _remove(section: Any, node: Any) -> None:
    """Kept: the script goes on where a node lies in one that is gone already."""
    try:
        section.remove(node)
    except ValueError:
        return


def _drop_prefix(link: Any, prefix: re.Pattern[str]) -> None:
    """Kept: the category's name, or its sort key where it has one, becomes the link's text."""
    link.text = prefix.sub("", str(link.__strip__()))
