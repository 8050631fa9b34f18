"""Reads the files of one submission in the order that TeX reads them."""

import posixpath
import re
from dataclasses import dataclass
from functools import cached_property
from itertools import islice

from filters.tex_comments import remove_comments
from filters.tex_expander import expand_macros
from filters.tex_groups import group_end
from filters.tex_scan import outside, read_regions
from pipeline.corpora.tex_decoding import declared_codec, decode_tex

DOCUMENT_SUFFIXES = (".tex", ".ltx", ".latex", "")
_PART_SUFFIXES = (
    ".sty",
    ".def",
    ".inc",
    ".tikz",
    ".pgf",
    ".pstex_t",
    ".pdf_t",
    ".pspdftex",
    ".eps_tex",
    ".txt",
)
_MAX_DEPTH = 20
_MAX_INPUTS = 5000
_TEX = re.compile(
    rb"\\(?:document(?:class|style)|begin\s*\{|input|magnification|bye|x?def|title|(?:sub)?section|centerline|[hv]size|[hv]skip"
    rb"|noindent|newsec|bigskip|par|end)(?![A-Za-z])"
)
_MARK = re.compile(
    r"""\\(?:\\
    |(?P<command>(?![BL]?[vV]erbatim|endinput)[A-Za-z]++(?:(?<=input)|(?<=include)|(?<=import)|(?<=subfile)
        |(?<=utfrom)|(?<=udefrom)|(?<=includeonly)|(?<=InputIfFileExists)))\*?\s*
        (?:\[(?P<option>[^\[\]\n]{0,200})\]\s*)?
        (?:\{\s*(?P<first>[^{}]{1,2000}?)\s*\}(?P<rest>\s*\{\s*(?P<second>[^{}\n]{1,300}?)\s*\})?
        |(?P<bare>[^\s{}\\%\[]{1,300}))
    |(?:usepackage|RequirePackage)\s*(?:\[[^\[\]]{0,500}\])?\s*\{(?P<packages>[^{}]{1,1000})\}
    |(?P<class>document(?:class|style)\s*(?:\[[^\[\]]{0,2000}\])?\s*\{(?P<kind>[^{}]{0,200})\})
    |(?P<begin>begin\s*\{document\})|(?P<end>end\s*\{document\})|(?P<stop>endinput(?![A-Za-z@])))""",
    re.VERBOSE,
)
_FOREIGN_STYLE = re.compile(r"\\[A-Za-z]*@|\\input(?![A-Za-z])")
_TOPLEVEL = re.compile(
    r"""^(\S{1,200})\s+toplevelfile|filename["']?:\s*["']?([^\s"']{1,200})["']?,?\s*["']?usage["']?:\s*["']?toplevel""",
    re.MULTILINE,
)
_LIKELY_MAIN = re.compile(r"(?:^|[^a-z])(?:ms|main|paper|article|manuscript|root|arxiv)", re.IGNORECASE)
_UNLIKELY_MAIN = re.compile(r"supp|response|reply|rebuttal|cover|diff|template|sample|example", re.IGNORECASE)
_TITLE = re.compile(r"\\title\s*(?:\[[^\]]{0,500}\]\s*)?(?=\{)")
_ASIDE = re.compile(
    r"\\(?:thanks|footnote|inst|altaffilmark|textsuperscript|[vh]space\*?)\s*\{[^{}]*\}|\\\\(?:\[[^\]]*\])?|~"
)
_MAX_TITLE_CHARS = 1000
_MAX_TITLES = 100
_MAX_PREAMBLE_CHARS = 200_000
_TITLE_MARK = "\ufdd0"  # A code point that no text holds.


def is_source_name(name: str) -> bool:
    """Whether a member of a submission may hold TeX, by its name."""
    base = posixpath.basename(name)
    return posixpath.splitext(base)[1].lower() in (*DOCUMENT_SUFFIXES, *_PART_SUFFIXES) or base.startswith("00README")


def looks_like_tex(content: bytes) -> bool:
    """Whether a file holds TeX: PostScript, PDF, HTML and plain notes do not."""
    return not content.lstrip().startswith((b"%!", b"%PDF", b"<")) and bool(_TEX.search(content))


def find_title(text: str) -> str | None:
    r"""What a paper says in its first `\title`, its macros expanded, without footnotes and line breaks."""
    text = remove_comments(text[:_MAX_PREAMBLE_CHARS])[0]
    for heading in islice(_TITLE.finditer(text), _MAX_TITLES):
        end = group_end(text, heading.end(), heading.end() + _MAX_TITLE_CHARS)
        title = _plain_title(text[heading.end() + 1 : end - 1]) if end >= 0 else ""
        if not title or "#" in title:
            continue
        if "\\" in title:
            written = expand_macros(f"{text[: heading.start()]}\n\n{_TITLE_MARK}{title}").text
            return " ".join(written.rpartition(_TITLE_MARK)[2].split()) or title
        return title
    return None


def _plain_title(title: str) -> str:
    return " ".join(_ASIDE.sub(" ", title).split())


@dataclass(frozen=True, slots=True)
class _Source:
    """A file: its text, and what steers reading in it (comments and literal passages left out)."""

    text: str
    marks: tuple[re.Match[str], ...]

    @property
    def kind(self) -> str | None:
        return next((mark["kind"] for mark in self.marks if mark["class"]), None)

    @property
    def has_document(self) -> bool:
        return any(mark["begin"] for mark in self.marks)


def _takes_folder(mark: re.Match[str]) -> bool:
    return mark["command"].endswith(("import", "from"))


def _end_of_command(mark: re.Match[str]) -> int:
    """Where a command ends: only `\\import` and its kin have a second argument."""
    return mark.end() if _takes_folder(mark) else mark.end() - len(mark["rest"] or "")


def _included_only(main: _Source) -> frozenset[str] | None:
    r"""What `\includeonly` lets `\include` read; None where all is read."""
    listed = [mark["first"] for mark in main.marks if mark["command"] == "includeonly" and mark["first"]]
    return frozenset(name.strip() for name in listed[-1].split(",")) if listed else None


def _stop(text: str, mark: re.Match[str]) -> int:
    r"""Where reading stops: TeX has read the line that `\endinput` stands on, and goes on to its end."""
    line_end = text.find("\n", mark.end())
    rest = text[mark.end() : line_end if line_end >= 0 else len(text)]
    return mark.end() + len(rest) if rest.partition("%")[0].strip() else mark.start()


class TexProject:
    """The files of a submission, by their names in it. Nothing is looked for outside them, no file is written."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self._files = files
        self._sources: dict[str, _Source] = {}
        self._inputs_left = _MAX_INPUTS
        self._chars_left = 0
        self._only: frozenset[str] | None = None

    def text(self, *, max_bytes: int) -> str:
        r"""The paper's TeX; empty where there is no document.

        The main file with each file where it is read, comments and all; files that are never read are left out, and a
        bibliography made by BibTeX too. Past `max_bytes` no `\input` is followed.
        """
        if self.main is None:
            return ""
        self._inputs_left, self._chars_left = _MAX_INPUTS, max_bytes
        self._only = _included_only(self._source(self.main))
        return self._flat(self.main, (self.main,))

    @cached_property
    def main(self) -> str | None:
        """The file that TeX is started on; None where no file looks like a document."""
        suffixes = {name: posixpath.splitext(name)[1].lower() for name in self._files}
        named = [name for name, suffix in suffixes.items() if suffix in DOCUMENT_SUFFIXES]
        names = [name for name in named if looks_like_tex(self._files[name])]
        readme = b"\n".join(content for name, content in self._files.items() if "00README" in name).decode("latin-1")
        toplevel = {listed or filename for listed, filename in _TOPLEVEL.findall(readme)}
        complete = [name for name in names if self._source(name).kind is not None and self._source(name).has_document]
        names = complete or names
        read = {target for name in names for target in self._targets(name) if target != name}

        def likelihood(name: str) -> tuple[bool, bool, bool, int, int, int]:
            stem = posixpath.splitext(posixpath.basename(name))[0]
            rank = 0 if _LIKELY_MAIN.search(stem) else 2 if _UNLIKELY_MAIN.search(stem) else 1
            part = self._source(name).kind in ("subfiles", "standalone")
            return name not in toplevel, part, name in read, rank, name.count("/"), -len(self._files[name])

        return min(names, key=likelihood, default=None)

    @cached_property
    def _declared(self) -> str | None:
        return next(filter(None, map(declared_codec, self._files.values())), None)

    def _source(self, name: str) -> _Source:
        if name not in self._sources:
            text = decode_tex(self._files[name], self._declared)
            regions = read_regions(text)
            fences = tuple(sorted((*regions.comments, *regions.literals)))
            found = {match.start(): match for match in _MARK.finditer(text)}
            live = outside((match.span() for match in found.values()), fences)
            self._sources[name] = _Source(text, tuple(found[start] for start, _ in live))
        return self._sources[name]

    def _targets(self, name: str) -> list[str]:
        return [target for mark in self._source(name).marks for target in self._found(mark, name)]

    def _found(self, mark: re.Match[str], name: str) -> list[str]:
        """The files of the submission that a mark in file `name` reads."""
        if mark["packages"]:
            names = [f"{package.strip()}.sty" for package in mark["packages"].split(",")]
            styles = [self._resolve("", package, name) for package in names]
            return [style for style in styles if style and not _FOREIGN_STYLE.search(self._source(style).text)]
        command = mark["command"]
        if command in (None, "includeonly") or (mark["bare"] and command != "input"):
            return []
        if command == "include" and self._only is not None and mark["first"] not in self._only:
            return []
        second = mark["second"] if _takes_folder(mark) else None
        folder, path = (mark["first"], second) if second else (mark["option"] or "", mark["first"] or mark["bare"])
        if path.lower().endswith(".bbl"):
            return []
        target = self._resolve(folder, path.strip('"'), name)
        return [target] if target else []

    def _resolve(self, folder: str, path: str, reader: str) -> str | None:
        """A file beside the main file, beside its reader, or at the submission's root; with `.tex` or as it stands."""
        main = self.__dict__.get("main") or reader
        for base in (posixpath.dirname(main), posixpath.dirname(reader), ""):
            for suffix in (".tex", ""):
                candidate = posixpath.normpath(posixpath.join(base, folder.lstrip("/"), path.lstrip("/") + suffix))
                if candidate in self._files:
                    return candidate
        return None

    def _flat(self, name: str, path: tuple[str, ...]) -> str:
        """The text of a file with what it reads in place; `path` are the files being read, the main file first."""
        source = self._source(name)
        start, end = self._span(source, is_main=len(path) == 1)
        self._chars_left -= end - start
        pieces: list[str] = []
        for mark in source.marks:
            if mark["end"] and mark.start() >= start:
                break
            if not start <= mark.start() < end:
                continue
            for target in self._found(mark, name):
                if target in path or len(path) >= _MAX_DEPTH or self._inputs_left <= 0 or self._chars_left <= 0:
                    continue
                self._inputs_left -= 1
                # A style is read after the command that names others too; a part replaces its command.
                keep, stop = (mark.end(), mark.end()) if mark["packages"] else (mark.start(), _end_of_command(mark))
                inner = self._flat(target, (*path, target))
                # The end of a file ends its last line, a comment there too; that and the reader's line end are one.
                ended = source.text[stop : stop + 1] == "\n"
                inner = inner.removesuffix("\n") if ended else inner if inner.endswith("\n") else f"{inner}\n"
                pieces += [source.text[start:keep], "\n" if mark["packages"] else "", inner]
                start = stop
        return "".join([*pieces, source.text[start:end]])

    @staticmethod
    def _span(source: _Source, *, is_main: bool) -> tuple[int, int]:
        r"""What of a file is read: up to `\endinput`; of a part that is a document by itself, the document's inside."""
        start, end = 0, len(source.text)
        inside = not is_main and source.kind is not None and source.has_document
        for mark in source.marks:
            if mark["stop"]:
                return start, min(end, _stop(source.text, mark))
            if inside and mark["begin"]:
                start = mark.end()
            elif inside and mark["end"]:
                return start, mark.start()
        return start, end
