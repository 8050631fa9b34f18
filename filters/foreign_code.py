"""GitHub: what nobody wrote here: copies of other projects, output of programs, minified files, tables of data."""

import re
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar

import pyarrow as pa

from filters.batch import FilterResult, first_reason, heads, reasons
from filters.code_counts import (
    ENCODED_CHARS,
    LINE_CHARS,
    LINES,
    LONGEST_RUN,
    MARKS,
    NUMBER_CHARS,
    data_counts,
    line_counts,
)

MAX_HEAD_LINES = 40
MAX_HEAD_CHARS = 4096
MAX_TAIL_CHARS = 1000
MAX_MINIFIED_MEAN = 110

_VENDORED_FOLDERS = frozenset(
    "node_modules bower_components jspm_packages vendor vendors _vendor third_party third-party thirdparty 3rd_party"
    " 3rd-party 3rdparty extern external externals godeps pods carthage site-packages dist ace-builds mathjax extjs"
    " tiny_mce tinymce ckeditor codemirror .venv .yarn".split()
)
_VENDORED_ROOTS = frozenset("deps dependencies debian".split())
_VENDORED_PAIRS = frozenset(
    [("gradle", "wrapper")]
    + [
        (docs, f"{mark}{folder}")
        for docs in ("doc", "docs")
        for mark in ("", "_")
        for folder in "build theme themes template templates static".split()
    ]
)
"""A folder in a folder; the lower of them holds what other projects or programs wrote."""

_VENDORED_FILE = re.compile(
    r"""(?:
        jquery(?:[.-][\w.-]*)?\.js|bootstrap(?:[.-][\w.-]*)?\.(?:js|css)|(?:font-?awesome|normalize|animate|foundation)\.css
        |(?:modernizr|mootools|knockout|prototype|html5shiv|respond|underscore|backbone|require|handlebars|mustache
            |moment|raphael|swfobject|angular|ember|three|react(?:-dom)?|d3(?:\.v\d)?)(?:[.-]\d[\w.-]*)?\.js
        |(?:yahoo|yui|dojo|ckeditor|tiny_?mce|mochikit|shcore|shbrush\w*|cordova)[\w.-]*\.js|[\w.-]+-vsdoc\.js
        |cpplint\.py|ez_setup\.py|versioneer\.py|waf|aclocal\.m4|lt(?:options|sugar|version|~obsolete)\.m4|libtool\.m4|config\.(?:guess|sub)|ppport\.h
        |configure|ltmain\.sh|install-sh|depcomp|missing|gradlew(?:\.bat)?|mvnw(?:\.cmd)?
    )\Z""",
    re.VERBOSE,
)
_GENERATED_PATH = re.compile(
    r"""(?:^|/)(?:__generated__|\.idea)/
    |(?:^|/)(?:composer|Cargo|poetry|pdm|uv|Pipfile|Gemfile|Gopkg|glide|yarn|bun|flake|deno|\.terraform)(?:\.lock)(?:\.\w+)?$
    |(?:^|/)(?:npm-shrinkwrap|package-lock)\.json$|(?:^|/)pnpm-lock\.yaml$|(?:^|/)\.pnp\.\w+$|(?:^|/)go\.sum$
    |\.designer\.(?:cs|vb)$|\.feature\.cs$|\.g(?:enerated)?\.cs$|\.zep\.(?:c|h|php)$|_pb2(?:_grpc)?\.pyi?$
    |\.pb(?:\.gw)?\.(?:go|h|cc|c|m|swift)$|\.pbobjc\.[hm]$|_pb\.(?:js|rb|d\.ts)$|_generated\.(?:go|py|h)$|(?:^|/)zz_generated\.
    |\.freezed\.dart$|\.g\.dart$|(?:^|/)moc_\w+\.cpp$|(?:^|/)(?:ui|qrc)_\w+\.(?:h|py)$|\.(?:css|js)\.map$
    """,
    re.VERBOSE | re.IGNORECASE,
)
_MINIFIED_PATH = re.compile(r"(?:[.-]min|[.-]pack(?:ed)?)\.(?:js|css|mjs|cjs|html)$", re.IGNORECASE)
_SCRIPT_SUFFIX = re.compile(r"\.(?:js|mjs|cjs|css)$", re.IGNORECASE)
_SOURCE_MAP = re.compile(r"^/[*/][#@] ?source(?:Mapping)?URL=", re.MULTILINE)

_HINTS = "generat", "do not edit", "do not modify", "do not change", "bison", "created by", "gimp", "ppport"
"""What every line that says so has one of; looked for before any pattern is."""

_COMMENT = r"[ \t]*(?://+|\#+|/?\*+|--+|;+|%+|<!--|\(\*|\"\"\"|'''|!|@?rem\b|\{-|=\w+)[ \t]*"
_SAYS_GENERATED = re.compile(
    _COMMENT
    + r"""(?!.*\bgenerated\ from\ this\ file\b)(?:
        .*\bcode\ generated\b.*\bdo\ not\ edit
        |.*@(?:partially-)?generated\b(?!\s+(?:by\s+)?(?:from\s+)?(?:mark|tag|comment|header))
        |.*<auto-?generated\b
        |.*(?:auto(?:matically)?[- ]?|machine[- ]|computer[- ])generated\b(?=.*(?:\bby\b|\bfrom\b|do\ not|don't|file))
        |.*\b(?:this|the)\ (?:file|code|class|module|source|header|document)\b.*
            \b(?:is|was|has\ been)\ (?:auto-?|automatically\ )?(?:generated|created\ automatically|produced)\b
            (?=.*(?:\bby\b|\bfrom\b|automatic|\.|$))
        |.*generated\ (?:file|code)\b.*(?:\bdo\ not\ (?:edit|modify|change)|\bnot\ intended\ for\ manual)
        |.*\bdo\ not\ (?:edit|modify|change)\b.*(?:generated|by\ hand|manually)
        |.*generated\ by:?\ (?:the\ )?(?:
            protocol\ buffer|protoc|grpc|thrift|avro|flatc|flatbuffers|swagger|openapi|graphql|wsdl2java|xjc|jaxb|jooq
            |hibernate|cython|swig|f2py|coffeescript|haxe|stringer|mockgen|mockery|bindgen|cbindgen|sqlc|moc|pyuic|qt|tapioca
            |peg\.?js|jison|antlr|javacc|jflex|racc|re2c|ragel|gperf|flex|yacc|goyacc|ocamlyacc|lemon
            |doxygen|javadoc|sphinx|pkgdown|roxygen2|(?:gnu\ )?(?:autoconf|automake|bison))
        |.*\bA\ Bison\ parser,\ made\ by|.*\bA\ lexical\ scanner\ generated\ by\ flex
        |.*\bCreated\ by:\ The\ (?:Qt\ Meta\ Object|Resource)\ Compiler
        |.*\bGIMP\b.*\b(?:C-Source\ image\ dump|header\ image\ file\ format)
        |.*Automatically\ created\ by\ Devel::PPPort
    )""",
    re.VERBOSE | re.IGNORECASE,
)
_GENERATOR_TAG = re.compile(
    r"<meta[^>]{0,200}name=[\"']?generator[\"']?[^>]{0,200}content=[\"'](?:org mode|j?latex2html|groff|makeinfo"
    r"|texi2html|ronn|doxygen|docutils|pandoc|asciidoc|hugo|jekyll|sphinx|javadoc)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class NotVendored:
    """Rejects copies of other projects: folders such as `node_modules/` and `vendor/`, files such as `jquery.js`.

    Source: github-linguist, lib/linguist/vendor.yml, what GitHub leaves out of a repository's languages.
    Differs: `cache/`, `tools/`, `env/`, test fixtures, type declarations (`.d.ts`) and a project's own `fabfile.py` or
        `Vagrantfile` are the project's own; `_vendor/`, `site-packages/` and some libraries' files are added.
    Reads path. Rewrites nothing. Rejects: vendored. Counts: nothing.
    """

    name: ClassVar[str] = "github_vendored"
    reasons: ClassVar[tuple[str, ...]] = ("vendored",)

    def apply(self, batch: pa.RecordBatch) -> FilterResult:
        """Same rows in the same order; `reason` is null where the document is kept."""
        paths = batch.column("path").to_pylist()
        return FilterResult(batch, reasons("vendored" if is_vendored(path or "") else None for path in paths), {})


@dataclass(frozen=True, slots=True, kw_only=True)
class NotGenerated:
    """Rejects what a program wrote: output that says so at its top or in its name, and minified JavaScript and CSS.

    Source: github-linguist, lib/linguist/generated.rb; the mark `Code generated … DO NOT EDIT.` is Go's (`go help
        generate`), `@generated` Meta's.
    Differs: linguist looks for each tool's words in that tool's language; here they are looked for in the comments of
        the first forty lines of any file. A program that prints such a line is not meant: it has it in a string.
    Reads path, text. Rewrites nothing. Rejects: generated, minified. Counts: nothing.
    """

    name: ClassVar[str] = "github_generated"
    reasons: ClassVar[tuple[str, ...]] = ("generated", "minified")

    def apply(self, batch: pa.RecordBatch) -> FilterResult:
        """Same rows in the same order; `reason` is null where the document is kept."""
        paths = [path or "" for path in batch.column("path").to_pylist()]
        tops = heads(batch, MAX_HEAD_CHARS)
        found = [_written_by_program(head, path) for head, path in zip(tops, paths, strict=True)]
        scripts = [row for row, path in enumerate(paths) if found[row] is None and _SCRIPT_SUFFIX.search(path)]
        if scripts:
            column = batch.column("text").take(pa.array(scripts))
            counts = line_counts(column)
            shrunk = counts[:, LINE_CHARS] > MAX_MINIFIED_MEAN * counts[:, LINES]
            mapped = [bool(_SOURCE_MAP.search(text[-MAX_TAIL_CHARS:])) for text in column.to_pylist()]
            for row, reason in zip(scripts, first_reason(generated=mapped, minified=shrunk).to_pylist(), strict=True):
                found[row] = reason
        return FilterResult(batch, reasons(found), {})


def is_vendored(path: str) -> bool:
    """Whether a path of a repository is where copies of other projects lie."""
    *folders, name = path.lower().split("/")
    if not _VENDORED_FOLDERS.isdisjoint(folders) or (folders and folders[0] in _VENDORED_ROOTS):
        return True
    return any(pair in _VENDORED_PAIRS for pair in pairwise(folders)) or _VENDORED_FILE.match(name) is not None


def _written_by_program(head: str, path: str) -> str | None:
    if _MINIFIED_PATH.search(path):
        return "minified"
    return "generated" if _GENERATED_PATH.search(path) or says_generated(head) else None


def says_generated(text: str) -> bool:
    """Whether a comment of the first lines says that a program wrote the file."""
    head = text[:MAX_HEAD_CHARS]
    lowered = head.lower()
    hints = [hint for hint in _HINTS if hint in lowered]
    if not hints:
        return False
    for line in head.split("\n", MAX_HEAD_LINES)[:MAX_HEAD_LINES]:
        lowered = line.lower()
        if any(hint in lowered for hint in hints) and (_SAYS_GENERATED.match(line) or _GENERATOR_TAG.search(line)):
            return True
    return False


@dataclass(frozen=True, slots=True, kw_only=True)
class NotData:
    """Rejects tables of numbers and encoded data that stand in a file of code.

    Source: Lozhkov et al. 2024 (StarCoder 2), section 2: files with encoded data of 1,024 characters in a piece, or in
        half of the text, are dropped. LLaMA names no such rule; its lines and letters let tables in short lines pass.
    Differs: tables of numbers are judged as well; what is encoded is told by runs without a break, of 64 characters
        or more, not by a pattern for each encoding. Fractions are of what is no white space.
    Reads text. Rewrites nothing. Rejects: number_table, encoded_data. Counts: nothing.
    """

    name: ClassVar[str] = "github_data"
    reasons: ClassVar[tuple[str, ...]] = ("number_table", "encoded_data")
    max_number_fraction: float = 0.5
    max_encoded_fraction: float = 0.5
    max_encoded_chars: int = 1024

    def __post_init__(self) -> None:
        for name in ("max_number_fraction", "max_encoded_fraction"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} must be from 0 to 1, got {getattr(self, name)}")
        if self.max_encoded_chars < 1:
            raise ValueError(f"max_encoded_chars must be at least 1, got {self.max_encoded_chars}")

    def apply(self, batch: pa.RecordBatch) -> FilterResult:
        """Same rows in the same order; `reason` is null where the document is kept."""
        counts = data_counts(batch.column("text"))
        marks = counts[:, MARKS]
        is_encoded = counts[:, ENCODED_CHARS] > self.max_encoded_fraction * marks
        is_encoded |= counts[:, LONGEST_RUN] > self.max_encoded_chars
        is_table = counts[:, NUMBER_CHARS] > self.max_number_fraction * marks
        return FilterResult(batch, first_reason(number_table=is_table, encoded_data=is_encoded), {})
