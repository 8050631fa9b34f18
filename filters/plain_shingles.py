"""What two texts share, counted in plain Python on tuples of words: slow, and without a hash to trust."""

from filters.load_once import load_once
from filters.shingle_loop import ALONE, IGNORED, SEPARATOR, letter_of, letters


def overlap_of_words(one: str, other: str, words: int, *, contained: bool) -> float:
    """The Jaccard similarity of two texts' shingles; or, `contained`, the share of the smaller set that both have."""
    mine, others = plain_shingles(one, words), plain_shingles(other, words)
    shared = len(mine & others)
    whole = min(len(mine), len(others)) if contained else len(mine) + len(others) - shared
    return shared / max(whole, 1)


def plain_shingles(text: str, words: int) -> set[tuple[str, ...]]:
    """Every so many words of the text in a row, as `filters.shingles` reads them."""
    found = plain_words(text)
    return {tuple(found[at : at + words]) for at in range(max(len(found) - words + 1, min(1, len(found))))}


def plain_words(text: str) -> list[str]:
    """The words of a text, as `filters.shingles` reads them."""
    return text.translate(load_once(_Spelling)).split()


class _Spelling(dict[int, str | None]):
    """What each code point is to a word: its bare letter, a word of its own, a blank, or nothing."""

    def __missing__(self, code: int) -> str | None:
        letter = int(letter_of(code, letters()))
        bare = chr(letter & ~ALONE)
        known = {SEPARATOR: " ", IGNORED: None}
        self[code] = known[letter] if letter in known else f" {bare} " if letter & ALONE else bare
        return self[code]
