"""Takes licence and copyright comments off the top of a source file, and nothing else that stands there."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

MAX_HEADER_LINES = 400
MAX_LINE_CHARS = 2000


@dataclass(frozen=True, slots=True)
class Comments:
    """How a language writes comments: what starts one to the line's end, and pairs around a block."""

    line: tuple[str, ...] = ()
    blocks: tuple[tuple[str, str], ...] = ()


_C = Comments(("//",), (("/*", "*/"),))
_HASH = Comments(("#",))
_MARKUP = Comments((), (("<!--", "-->"),))
_FAMILIES: tuple[tuple[str, Comments], ...] = (
    ("c h cs cpp hpp c++ h++ cc hh C H go java js ts tsx rs scala css", _C),
    ("php php3 php4 php5 phps phpt", Comments(("//", "#"), (("/*", "*/"),))),
    ("py pl pm perl sh bash command zsh dockerfile Dockerfile Makefile", _HASH),
    ("rb", Comments(("#",), (("=begin", "=end"),))),
    ("cmake", Comments(("#",), (("#[[", "]]"),))),
    ("jl", Comments(("#",), (("#=", "=#"),))),
    ("ps1 psd1 psm1", Comments(("#",), (("<#", "#>"),))),
    ("sql", Comments(("--",), (("/*", "*/"),))),
    ("lua", Comments(("--",), (("--[[", "]]"), ("--[=[", "]=]"), ("--[==[", "]==]")))),
    ("hs", Comments(("--",), (("{-", "-}"),))),
    ("html xml md markdown", _MARKUP),
    ("tex", Comments(("%",))),
    ("m", Comments(("%", "//"), (("/*", "*/"), ("%{", "%}")))),
    ("f90 f f03 f08 f77 f95 for fpp", Comments(("!", "C ", "c ", "*"))),
    ("vb", Comments(("'",))),
    ("bat cmd", Comments(("::", "REM ", "rem ", "@REM ", "@rem "))),
    ("asm smali", Comments((";", "#"), (("/*", "*/"),))),
    ("rst", Comments((".. ",))),
)
_BY_SUFFIX = {suffix: comments for suffixes, comments in _FAMILIES for suffix in suffixes.split()}

_KEPT_LINE = re.compile(
    r"#!|<\?|<!doctype|//[!/](?!/)|@?echo off|#(?:pragma|ifndef|define)\b"
    r"|['\"]use strict|\W{1,4}(?:-\*-|vim?:|ex:|coding[:=]"
    r"|type:"
    r"|noqa|pylint|flake8|mypy|ruff|isort"
    r"|fmt:|frozen_string_literal|encoding:|syntax ?=|escape ?=|shellcheck|eslint|jshint|jslint|global |tslint|prettier"
    r"|@ts-|@flow|@jsx|@providesModule|\+build|go:|nolint|export |swiftlint|requires?:|use strict)"
    r"|#.*coding[:=]",
    re.IGNORECASE,
)
"""Lines at a file's top that tools or languages read, and the comments that document Rust, C# and Swift."""

_LEGAL = re.compile(
    r"copyright|\(c\) ?\d{4}|©|all rights reserved|@licen[sc]e|licen[sc]e(?:d under|d to|d by| *:)"
    r"|(?:mit|bsd|apache|gpl|gnu|public|the) +licen[sc]ed?\b|under [^.]{0,60}licen[sc]e|see [^.]{0,30}licen[sc]e"
    r"|/licen[sc]es?\b|spdx-|permission is (?:hereby )?granted|software must not be misrepresented"
    r"|redistributions? |without (?:any )?warranty|with(?:out)? (?:or without )?modification|warrant(?:y|ies) of"
    r"|in no event shall|provided [\"“'`]*as[ -]is|[\"“'`]as[ -]is[\"”'`]|neither the name|endorse or promote products"
    r"|free software|this file is part of"
    r"|public domain|terms and conditions|permissions and limitations|in compliance with|all copies or",
    re.IGNORECASE,
)
_RULE = re.compile(r"[\s\W_]*\Z")
_TAG = re.compile(r"[\s*/#;%-]*(?:@[a-z]\w*\b|\.[A-Z]{4,}\s*\Z)")
"""A tag of documentation, as of Javadoc or PowerShell, begins a paragraph."""


def strip_license_header(text: str, path: str) -> str:
    """The text without the licence comments that stand before its first line of code; itself where there are none.

    A comment is judged paragraph by paragraph, so a description beside the copyright stays.
    """
    comments = _comments_of(path)
    if comments is None:
        return text
    lines = text.split("\n", MAX_HEADER_LINES)
    rest = lines[MAX_HEADER_LINES:]
    del lines[MAX_HEADER_LINES:]
    removed: set[int] = set()
    at = 0
    while at < len(lines):
        if not lines[at].strip() or _KEPT_LINE.match(lines[at].lstrip("\ufeff \t")):
            at += 1
            continue
        end = _comment_end(lines, at, comments)
        if end is None:
            break
        removed.update(_legal_lines(lines, at, end, comments))
        at = end
    if not removed:
        return text
    touched = max(removed) + 4
    return "\n".join([*_without(lines[:touched], removed), *lines[touched:], *rest])


def _comments_of(path: str) -> Comments | None:
    _, _, suffix = path.rpartition("/")[2].rpartition(".")
    return _BY_SUFFIX.get(suffix)


def _comment_end(lines: list[str], at: int, comments: Comments) -> int | None:
    """The line after the comment that starts at a line, or None where code starts there."""
    line = lines[at].strip()
    for opener, closer in comments.blocks:
        if line.startswith(opener):
            for number in range(at, len(lines)):
                tail = lines[number][lines[number].find(opener) + len(opener) :] if number == at else lines[number]
                _, found, after = tail.partition(closer)
                if found:
                    return number + 1 if not after.strip() else None
            return None
    end = at
    while end < len(lines) and _is_line_comment(lines[end], comments):
        end += 1
    return end if end > at else None


def _is_line_comment(line: str, comments: Comments) -> bool:
    stripped = line.lstrip("\ufeff \t") + " "
    if _KEPT_LINE.match(stripped) or any(stripped.startswith(opener) for opener, _ in comments.blocks):
        return False
    return stripped.startswith(comments.line) if comments.line else False


def _legal_lines(lines: list[str], start: int, end: int, comments: Comments) -> Iterator[int]:
    """Lines of a comment to take out: its legal paragraphs, or the whole where nothing else is said in it."""
    paragraphs = list(_paragraphs(lines, start, end))
    legal = [_is_legal(lines[first:last]) for first, last in paragraphs]
    if not any(legal):
        return
    if all(legal):
        yield from range(start, end)
        return
    marks = tuple(mark for pair in comments.blocks for mark in pair)
    told, above = False, start
    for (first, last), is_legal in zip(paragraphs, legal, strict=True):
        # An empty comment line stays only between two paragraphs that stay, the marks of a block always.
        out = range(above, last) if is_legal else range(above, first) if not told else range(0)
        yield from (number for number in out if not any(mark in lines[number] for mark in marks))
        told, above = told or not is_legal, last


def _paragraphs(lines: list[str], start: int, end: int) -> Iterator[tuple[int, int]]:
    """Runs of lines that hold words, parted at tags."""
    first = None
    for number in range(start, end):
        line = lines[number][:MAX_LINE_CHARS]
        is_rule = _RULE.match(line) is not None
        if first is not None and (is_rule or _TAG.match(line)):
            yield first, number
            first = None
        if first is None and not is_rule:
            first = number
    if first is not None:
        yield first, end


def _is_legal(paragraph: list[str]) -> bool:
    words = " ".join(line.strip(" \t\r/*#-;%!<>.'")[:MAX_LINE_CHARS] for line in paragraph)
    return bool(_LEGAL.search(words)) or bool(re.fullmatch(r"https?://\S*licen[sc]e\S*", words.strip(), re.IGNORECASE))


def _without(lines: list[str], removed: set[int]) -> Iterator[str]:
    """The lines left; a blank one that the header leaves at the top, or doubles, goes with it."""
    above_blank, first = True, min(removed)
    for number, line in enumerate(lines):
        if number in removed:
            continue
        if line.strip() or not above_blank or number < first:
            yield line
        above_blank = not line.strip()
