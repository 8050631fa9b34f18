"""arXiv: bulk archives `arXiv_src_YYMM_NNN.tar` of LaTeX sources, one document a paper."""

import re
import zlib
from collections.abc import Iterator
from pathlib import PurePosixPath

from filters.arxiv import HasTexSource, PaperBody
from filters.batch import Filter
from filters.tex_comments import TexComments
from filters.tex_macros import TexMacros
from filters.tex_patterns import FILE_SEPARATOR, NOT_UTF8, PaperByPatterns
from pipeline.corpora.corpus import QUARANTINED_BYTES, BadRecord, Corpus, RawDocument, RawFile, Record
from pipeline.corpora.tar_stream import BLOCK_BYTES, TarDamage, TarMember, is_tar, read_exactly, tar_members
from pipeline.corpora.tex_project import TexProject, find_title, is_source_name, looks_like_tex
from pipeline.source_sections import ArXiv

BAD_REASONS = (
    "broken_header", "truncated_archive", "truncated_member", "link", "unsafe_name", "unknown_member",
    "broken_gzip", "broken_tar", "paper_too_large",
)  # fmt: skip

_NEW_ID = re.compile(r"(\d{2})(\d{2})\.\d{4,5}(?:v\d+)?")
_OLD_ID = re.compile(r"([a-z]+(?:-[a-z]+)?(?:\.[A-Z]{2})?)((\d{2})(\d{2})\d{3}(?:v\d+)?)")
_INFLATED_TIMES = 16
"""A paper's figures and data may take this many times `max_paper_bytes` of TeX before it counts as a gzip bomb."""
_PIECE_BYTES = 1 << 16
_MAX_FILES = 20_000
_MAX_MARKS = 4_000_000
"""What TeX is found by costs a hundred bytes of memory each; a book of three megabytes has 150,000 of them."""


class _PaperError(Exception):
    """A paper that cannot be read, with one of BAD_REASONS."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail


def read(file: RawFile, settings: ArXiv) -> Iterator[Record]:
    """The papers of one bulk archive, in its order; PDFs without source are documents without text."""
    with file.open() as stream:
        for member in tar_members(stream):
            if isinstance(member, TarDamage):
                key = f"@{member.offset}"
                yield BadRecord(key=key, reason=member.reason, raw=member.raw[:QUARANTINED_BYTES], size=member.size)
            elif member.kind != "folder":
                yield _record(member, settings)


def arxiv_id(name: str) -> tuple[str, str | None]:
    """A paper's id and its month from a member's name: `9901/hep-th9901011.gz` is hep-th/9901011 of 1999-01."""
    stem = PurePosixPath(name).name.removesuffix(".gz").removesuffix(".pdf")
    if new := _NEW_ID.fullmatch(stem):
        return stem, _month(new[1], new[2])
    if old := _OLD_ID.fullmatch(stem):
        return f"{old[1]}/{old[2]}", _month(old[3], old[4])
    return stem, None


def _month(year: str, month: str) -> str | None:
    """The month of an id. arXiv began in August 1991."""
    century = "19" if year >= "91" else "20"
    return f"{century}{year}-{month}" if "01" <= month <= "12" else None


def _record(member: TarMember, settings: ArXiv) -> Record:
    key, date = arxiv_id(member.name)
    content = _Recorded(member)
    try:
        text, title = _paper(member, content, settings)
        member.content.skip()
        if member.content.truncated:
            raise _PaperError("truncated_member", "the archive ends within it")
    except _PaperError as error:
        reason = "truncated_member" if member.content.truncated else error.reason
        return BadRecord(key=key, reason=reason, detail=error.detail, raw=bytes(content.start), size=member.size)
    url = f"https://arxiv.org/abs/{key}" if date else None
    return RawDocument(key=key, text=text, title=title, url=url, date=date, path=member.name)


def _paper(member: TarMember, content: "_Recorded", settings: ArXiv) -> tuple[str, str | None]:
    """The paper's TeX and its title; no text where arXiv has none."""
    if member.kind != "file":
        raise _PaperError("link", f"a {member.kind} where a paper should be")
    if not member.is_safe:
        raise _PaperError("unsafe_name", member.name[:200])
    if member.name.endswith(".pdf"):
        return "", None
    if not member.name.endswith(".gz"):
        raise _PaperError("unknown_member", member.name[:200])
    inflated = _Inflated(content, settings.max_paper_bytes * _INFLATED_TIMES)
    start = read_exactly(inflated, BLOCK_BYTES)
    files = _sources(start, inflated, settings)
    if sum(content.count(mark) for _, content in files for mark in (b"\\", b"%", b"{")) > _MAX_MARKS:
        raise _PaperError("paper_too_large", f"over {_MAX_MARKS} commands, comments and groups")
    if settings.mode == "faithful":
        return _joined([content for _, content in files]), None
    text = TexProject(dict(files)).text(max_bytes=settings.max_paper_bytes)
    if sum(map(text.count, "\\%{")) > _MAX_MARKS:
        raise _PaperError("paper_too_large", f"over {_MAX_MARKS} commands, comments and groups as TeX reads it")
    return text, find_title(text)


def _joined(files: list[bytes]) -> str:
    """All files of a paper as one text, as they are, for the patterns that the published code cleans them with."""
    try:
        return FILE_SEPARATOR.join(content.decode().replace(FILE_SEPARATOR, "") for content in files)
    except UnicodeDecodeError:
        return NOT_UTF8 + FILE_SEPARATOR.join(content.decode("utf-8", "replace") for content in files)


def _sources(start: bytes, inflated: "_Inflated", settings: ArXiv) -> list[tuple[str, bytes]]:
    """The files of a submission that may hold TeX, in its order: one file, or the members of a tar."""
    is_faithful, max_bytes = settings.mode == "faithful", settings.max_paper_bytes
    if not is_tar(start):
        single = start + read_exactly(inflated, max_bytes + 1 - len(start))
        if len(single) > max_bytes:
            raise _PaperError("paper_too_large", f"over {max_bytes} bytes of TeX")
        return [("paper.tex", single)] if is_faithful or looks_like_tex(single) else []
    files: list[tuple[str, bytes]] = []
    size = 0
    for member in tar_members(_Pushed(start, inflated)):
        if isinstance(member, TarDamage):
            if member.reason == "broken_header":
                raise _PaperError("broken_tar", f"no header at byte {member.offset}")
            continue  # Old submissions end without the two empty blocks; their gzip checksum holds.
        is_source = member.name.endswith(".tex") if is_faithful else is_source_name(member.name)
        if member.kind == "file" and member.is_safe and is_source:
            content = read_exactly(member.content, min(member.size, max_bytes + 1))
            size += len(content)
            if size > max_bytes or len(files) >= _MAX_FILES:
                raise _PaperError("paper_too_large", f"over {max_bytes} bytes of TeX, or over {_MAX_FILES} files")
            files.append((str(PurePosixPath(member.name)), content))
        member.content.skip()
        if member.content.truncated:
            raise _PaperError("broken_tar", f"ends within {member.name[:200]}")
    return files


class _Recorded:
    """A member's content that remembers how it began, for the quarantine."""

    def __init__(self, member: TarMember) -> None:
        self._content = member.content
        self.start = bytearray()

    def read(self, size: int) -> bytes:
        piece = self._content.read(size)
        self.start += piece[: max(0, QUARANTINED_BYTES - len(self.start))]
        return piece


class _Pushed:
    """A stream with its first bytes put back."""

    def __init__(self, start: bytes, stream: "_Inflated") -> None:
        self._start = start
        self._stream = stream

    def read(self, size: int) -> bytes:
        if not self._start:
            return self._stream.read(size)
        piece, self._start = self._start[:size], self._start[size:]
        return piece


class _Inflated:
    """The bytes of a gzip stream, all its members, up to a bound; damage is a _PaperError."""

    def __init__(self, stream: _Recorded, max_bytes: int) -> None:
        self._stream = stream
        self._left = max_bytes
        self._inflater = zlib.decompressobj(31)
        self._packed = b""
        self._ended = False

    def read(self, size: int) -> bytes:
        while not self._ended:
            packed = self._packed or self._stream.read(_PIECE_BYTES)
            try:
                piece = self._inflater.decompress(packed, min(size, _PIECE_BYTES))
            except zlib.error as error:
                raise _PaperError("broken_gzip", str(error)) from error
            self._packed = self._inflater.unconsumed_tail
            if self._inflater.eof:
                self._next_member()
            elif not packed and not piece:
                raise _PaperError("broken_gzip", "ends early")
            self._left -= len(piece)
            if self._left < 0:
                raise _PaperError("paper_too_large", "inflates past the bound: a gzip bomb?")
            if piece:
                return piece
        return b""

    def _next_member(self) -> None:
        """Go on with a gzip member that follows; anything else after the last one is padding."""
        self._packed = self._inflater.unused_data or self._stream.read(_PIECE_BYTES)
        self._ended = not self._packed.startswith(b"\x1f\x8b")
        self._inflater = zlib.decompressobj(31)


def filters(settings: ArXiv) -> tuple[Filter, ...]:
    """Comments out, macros expanded, then the body: a heading may hide behind a macro, a macro behind a comment."""
    if settings.mode == "faithful":
        return (HasTexSource(), PaperByPatterns())
    return (
        HasTexSource(),
        TexComments(),
        TexMacros(max_expansion=settings.max_expansion),
        PaperBody(abstract=settings.abstract, max_chars=settings.max_chars),
    )


CORPUS = Corpus(source="arxiv", read=read, filters=filters, bad_reasons=BAD_REASONS)
