"""GitHub: BigQuery exports (Parquet, JSON lines), source archives and git repositories, a document a file."""

from collections.abc import Callable, Iterator
from pathlib import PurePosixPath

from charset_normalizer import from_bytes

from filters.batch import Filter
from filters.foreign_code import NotData, NotGenerated, NotVendored
from filters.github import (
    LEFT_OUT,
    LINK_MARK,
    AlphanumericFraction,
    LicenseIs,
    LineLengths,
    PathIsCode,
    ReadableText,
    StripLicenseHeader,
)
from filters.github_redpajama import RedPajamaFile, RedPajamaHeader, RedPajamaStatistics
from filters.licenses import MAX_LICENSE_CHARS, all_of, spdx_expression
from filters.secrets import RedactSecrets
from pipeline.corpora.code_tables import BAD_ROW_REASONS, JSON_SUFFIXES, PARQUET_SUFFIX, CodeRow, rows
from pipeline.corpora.corpus import GIT_SUFFIX, BadRecord, Corpus, RawDocument, RawFile, Record
from pipeline.corpora.git_tree import BAD_OBJECT_REASONS, git_members
from pipeline.corpora.repository_licenses import UNKNOWN, FolderLicenses, is_license_file
from pipeline.corpora.source_archives import BAD_MEMBER_REASONS, SUFFIXES, Member, members
from pipeline.source_sections import GitHub
from pipeline.stage_names import CLEAN, DEDUP

_Members = Callable[[RawFile, int, Callable[[str], bool]], Iterator[Member | BadRecord]]

_GUESSED_BYTES = 1 << 16
_JSON_EXPANSION = 6  # `\\u0000` for one byte


def read(file: RawFile, settings: GitHub) -> Iterator[Record]:
    """A document for each file of the table, of the archive or of HEAD, in its order."""
    name = file.name.lower()
    if name.endswith((PARQUET_SUFFIX, *JSON_SUFFIXES)):
        for row in rows(file, settings.max_file_bytes * _JSON_EXPANSION + (1 << 16)):
            yield row if isinstance(row, BadRecord) else _row_document(row, settings.max_file_bytes)
    elif name.endswith(GIT_SUFFIX):
        yield from _archive(file, settings.max_file_bytes, git_members)
    elif name.endswith(SUFFIXES):
        yield from _archive(file, settings.max_file_bytes, members)
    else:
        yield BadRecord(key="file", reason="unknown_format", detail=PurePosixPath(name).name, size=file.size)


def filters(settings: GitHub) -> tuple[Filter, ...]:
    """The rules of stage `clean`; statistics are taken when the header is off, as in the reference."""
    if settings.mode == "faithful":
        return _faithful(settings)
    return (
        LicenseIs(licenses=settings.licenses),
        PathIsCode(extensions=settings.extensions, file_names=settings.file_names),
        *(() if settings.keep_vendored else (NotVendored(),)),
        ReadableText(max_file_bytes=settings.max_file_bytes),
        *(() if settings.keep_generated else (NotGenerated(),)),
        StripLicenseHeader(),
        LineLengths(
            max_line_chars=settings.max_line_chars,
            max_mean_line_chars=settings.max_mean_line_chars,
        ),
        AlphanumericFraction(min_alphanumeric_fraction=settings.min_alphanumeric_fraction),
        NotData(
            max_number_fraction=settings.max_number_fraction,
            max_encoded_fraction=settings.max_encoded_fraction,
        ),
        *((RedactSecrets(),) if settings.redact_secrets else ()),
    )


def _faithful(settings: GitHub) -> tuple[Filter, ...]:
    """RedPajama v1's rules, with the recipe's numbers; its licences are prefixes and no setting."""
    return (
        RedPajamaFile(
            extensions=settings.extensions,
            file_names=settings.file_names,
            max_file_bytes=settings.max_file_bytes,
        ),
        RedPajamaHeader(),
        RedPajamaStatistics(
            max_line_chars=settings.max_line_chars,
            max_mean_line_chars=settings.max_mean_line_chars,
            min_alphanumeric_fraction=settings.min_alphanumeric_fraction,
        ),
    )


def _row_document(row: CodeRow, max_file_bytes: int) -> RawDocument:
    content = LEFT_OUT if row.content is None else row.content[: max_file_bytes + 1]
    if row.is_link:
        content = LINK_MARK + content
    repository, path = _clean(row.repository), _clean(row.path)
    return RawDocument(
        key=row.key,
        text=content.removeprefix("\ufeff"),
        title=repository or None,
        license=all_of(spdx_expression(key) or UNKNOWN for key in row.licenses),
        url=f"https://github.com/{repository}/blob/HEAD/{path}" if repository.count("/") == 1 else None,
        path=path,
    )


def _archive(file: RawFile, max_file_bytes: int, members_of: _Members) -> Iterator[Record]:
    """Two passes: the licence may stand anywhere in the archive, and says which files are wanted."""
    licenses = FolderLicenses()
    roots: set[str] = set()

    def licensed(name: str) -> bool:
        if len(roots) < 2:
            roots.add(PurePosixPath(name).parts[0] if "/" in name else "")
        return is_license_file(name)

    for member in members_of(file, MAX_LICENSE_CHARS, licensed):
        if isinstance(member, Member) and not member.is_link:
            licenses.add(member)
    root = f"{roots.pop()}/" if len(roots) == 1 and "" not in roots else ""
    repository = root.rstrip("/") if root not in ("", "package/") else _stem(file.name)
    is_empty = True
    for member in members_of(file, max_file_bytes + 1, lambda _: True):
        is_empty = False
        if isinstance(member, BadRecord):
            yield member
            continue
        yield RawDocument(
            key=member.name,
            text=LINK_MARK * member.is_link + decoded(member.content),
            title=repository,
            license=licenses.of(member.name),
            path=member.name.removeprefix(root),
        )
    if is_empty:
        yield BadRecord(key="archive", reason="empty_archive", size=file.size)


def decoded(content: bytes) -> str:
    """A file's text: UTF-8, UTF-16 with its mark, or what its bytes look most like; else with U+FFFD in it."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return content.decode("utf-16", "replace")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if error.end >= len(content) - 3 and error.reason == "unexpected end of data":
            return content[: error.start].decode("utf-8-sig")  # cut in a character, at the limit of a file's size
    guess = None if b"\0" in content else from_bytes(content[:_GUESSED_BYTES]).best()
    return content.decode(guess.encoding if guess else "utf-8", "replace")


def _stem(name: str) -> str:
    path = PurePosixPath(name)
    base = path.parent.name if path.name == GIT_SUFFIX else path.name
    endings = sorted((*SUFFIXES, GIT_SUFFIX), key=len, reverse=True)
    return next((base.removesuffix(ending) for ending in endings if base.endswith(ending)), base)


def _clean(text: str) -> str:
    """The text without half surrogates, which JSON can hold and a column cannot."""
    return text.encode("utf-8", "replace").decode()


CORPUS = Corpus(
    source="github",
    read=read,
    filters=filters,
    bad_reasons=("unknown_format", *dict.fromkeys((*BAD_ROW_REASONS, *BAD_MEMBER_REASONS, *BAD_OBJECT_REASONS))),
    stages=lambda _: (CLEAN, DEDUP),
)
