"""Project Gutenberg's books on a mirror: by number, under the names that texts have had over the years."""

import re
from collections.abc import Iterable

from pipeline.errors import SettingError
from pipeline.fetch.wanted import Plan, join_url

MAX_BOOK_BYTES = 256 << 20
_NUMBER = re.compile(r"[1-9]\d{0,6}")


def plan(base: str, numbers: Iterable[str]) -> Plan:
    """Each book as `NUMBER.txt`; of its texts UTF-8 is asked for first, the generated one last."""
    made = Plan("books")
    for number in dict.fromkeys(numbers):
        if not _NUMBER.fullmatch(number):
            raise SettingError(f"--ids {number[:40]}: no number of a book")
        paths = (
            *(f"{folder(number)}/{number}{mark}.txt" for mark in ("-0", "-8", "")),
            f"cache/epub/{number}/pg{number}.txt",
        )
        made.add(f"{number}.txt", [join_url(base, path) for path in paths], max_bytes=MAX_BOOK_BYTES)
    return made


def folder(number: str) -> str:
    """A mirror's folder of a book: a digit a level, the last left out, then the number: 12345 is 1/2/3/4/12345."""
    return "/".join([*(number[:-1] or "0"), number])


def parse_list(text: str) -> list[str]:
    """The numbers of a list: one a line or more, `#` begins a remark."""
    return [number for line in text.splitlines() for number in re.split(r"[\s,]+", line.partition("#")[0]) if number]
