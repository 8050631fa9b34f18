"""English prose for the demo: the sentences in the docstrings and comments of what is installed here.

A passage is a run of paragraphs from one source file, so that a page made of it keeps to one subject.
"""

import os
import re
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random

PACKAGES = (
    "numpy scipy numba apache_beam pyarrow pydantic pip setuptools fsspec click rich datasketch PIL google grpc "
    "networkx sympy torch"
).split()
"""Where prose is looked for after the standard library: our dependencies, then what the extra `train` brings."""

PASSAGE_CHARS = 2400
MIN_PASSAGE_CHARS = 800
MIN_PARAGRAPH_CHARS = 80
MAX_PARAGRAPH_CHARS = 1500
MAX_FILE_BYTES = 1 << 20

_STRING = re.compile(r'("""|\'\'\')(.*?)\1', re.DOTALL)
# Begins with a newline, not with `^`, so that the search can skip from line to line.
_HASH_COMMENT = re.compile(r"\n[ \t]*#[^\n]*(?:\n[ \t]*#[^\n]*)*")
_C_COMMENT = re.compile(r"/\*(.*?)\*/|((?:^[ \t]*//[^\n]*\n)+)", re.DOTALL | re.MULTILINE)
_COMMENT_MARK = re.compile(r"^[ \t]*(?:#+|/{2,}|\*+)", re.MULTILINE)
_BLANK_LINE = re.compile(r"\n[ \t]*\n")
_SENTENCE_END = re.compile(r"(?<=[.!?]) ")
_NOT_PROSE = re.compile(r">>>|::|\{|\}|---|===|https?:|[|\\<>@]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """Paragraphs that belong together. `title` says where they come from, `package` whose they are."""

    title: str
    package: str
    paragraphs: tuple[str, ...]

    @property
    def chars(self) -> int:
        """How long it is."""
        return sum(map(len, self.paragraphs))


class PassagePool:
    """Passages in a seeded order, each handed out once."""

    def __init__(self, passages: list[Passage], rng: Random) -> None:
        self._passages = list(passages)
        rng.shuffle(self._passages)
        self.total_chars = sum(passage.chars for passage in passages)

    def take(self, chars: int) -> list[Passage]:
        """Passages of about this many characters in all: fewer when the pool runs dry."""
        taken: list[Passage] = []
        while self._passages and chars > 0:
            taken.append(self._passages.pop())
            chars -= taken[-1].chars
        return taken


def enough(passages: list[Passage], chars: int, rng: Random) -> list[Passage]:
    """The passages, and where they are too few others as long: sentences of the same package in an order of their own.

    Every paragraph of them is new, though no sentence is: a page that repeats none of another's lines.
    """
    total = sum(passage.chars for passage in passages)
    sentences: dict[str, list[str]] = {}
    for passage in passages:
        for text in passage.paragraphs:
            sentences.setdefault(passage.package, []).extend(_SENTENCE_END.split(text))
    grown = list(passages)
    while passages and total < chars:
        grown.append(_retold(rng.choice(passages), sentences, rng))
        total += grown[-1].chars
    return grown


def _retold(passage: Passage, sentences: dict[str, list[str]], rng: Random) -> Passage:
    """A passage of the same subject and as many paragraphs."""
    known = sentences[passage.package]
    texts = (" ".join(rng.choices(known, k=rng.randint(3, 7))) for _ in passage.paragraphs)
    return Passage(title=passage.title, package=passage.package, paragraphs=tuple(texts))


def harvest(max_chars: int) -> list[Passage]:
    """Passages found on this machine, in a fixed order, each paragraph once; stops at about `max_chars`."""
    seen: set[str] = set()
    passages: list[Passage] = []
    part: list[str] = []
    total = 0
    first: tuple[str, Path] | None = None
    for package, path in _source_files():
        if first is not None and _chars(part) >= (MIN_PASSAGE_CHARS if _same_folder(first, package, path) else 1):
            passages.append(_passage(first, part))
            total += passages[-1].chars
            part, first = [], None
            if total >= max_chars:
                return passages
        for text in paragraphs(path.read_bytes().decode("utf-8", "ignore"), path.suffix):
            if text in seen:
                continue
            seen.add(text)
            first = first or (package, path)
            part.append(text)
            if _chars(part) >= PASSAGE_CHARS:
                passages.append(_passage(first, part))
                total += passages[-1].chars
                part, first = [], None
    return passages if first is None else [*passages, _passage(first, part)]


def paragraphs(source: str, suffix: str) -> Iterator[str]:
    """The paragraphs of prose in a source file's docstrings and comments."""
    if suffix in (".py", ".pyi", ".pyx"):
        blocks = [match[2] for match in _STRING.finditer(source)]
        blocks += [_COMMENT_MARK.sub(" ", match[0]) for match in _HASH_COMMENT.finditer(source)]
    else:
        blocks = [_COMMENT_MARK.sub(" ", match[1] or match[2] or "") for match in _C_COMMENT.finditer(source)]
    for block in blocks:
        for candidate in _BLANK_LINE.split(block):
            text = prose(candidate)
            if text is not None:
                yield text


def prose(candidate: str) -> str | None:
    """The paragraph on one line where it reads like sentences, else nothing."""
    stripped = candidate.strip()
    if len(stripped) < MIN_PARAGRAPH_CHARS or not stripped[0].isupper() or stripped[-1] not in ".!?":
        return None
    text = " ".join(stripped.replace("`", "").replace("**", "").split())
    if not MIN_PARAGRAPH_CHARS <= len(text) <= MAX_PARAGRAPH_CHARS:
        return None
    if _NOT_PROSE.search(text) or "javascript" in text.lower() or "opyright" in text:
        return None
    letters = sum(map(str.isalpha, text)) + text.count(" ")
    return text if letters >= 0.88 * len(text) and text.count(" ") >= 0.12 * len(text) else None


def standard_library() -> Path:
    """The folder of Python's own modules."""
    return Path(sysconfig.get_paths()["stdlib"])


def site_packages() -> tuple[Path, ...]:
    """The folders that packages are installed in."""
    paths = sysconfig.get_paths()
    return tuple(dict.fromkeys((Path(paths["purelib"]), Path(paths["platlib"]))))


def source_tree(root: Path, suffixes: tuple[str, ...]) -> Iterator[Path]:
    """The source files below a folder, in an order that is the same everywhere."""
    for folder, folders, files in os.walk(root):
        folders[:] = sorted(name for name in folders if name not in ("site-packages", "__pycache__", "dist-packages"))
        for name in sorted(files):
            path = Path(folder, name)
            if name.endswith(suffixes) and path.is_file() and 0 < path.stat().st_size <= MAX_FILE_BYTES:
                yield path


def _source_files() -> Iterator[tuple[str, Path]]:
    roots = [("python", standard_library())]
    roots += [(name, folder / name) for name in PACKAGES for folder in site_packages()]
    for package, root in roots:
        for path in source_tree(root, (".py", ".pyi", ".pyx", ".h", ".hpp")):
            yield package, path


def _chars(texts: list[str]) -> int:
    return sum(map(len, texts))


def _same_folder(first: tuple[str, Path], package: str, path: Path) -> bool:
    return first[0] == package and first[1].parent == path.parent


def _passage(first: tuple[str, Path], texts: list[str]) -> Passage:
    package, path = first
    words = re.split(r"[^A-Za-z]+", f"{path.parent.name} {path.stem}")
    title = " ".join(dict.fromkeys(word.capitalize() for word in words if len(word) > 2)) or package.capitalize()
    return Passage(title=title, package=package, paragraphs=tuple(texts))
