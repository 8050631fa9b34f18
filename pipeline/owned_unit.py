"""One unit's pages and their lines while owners are looked for: what is decided, what is claimed, what is settled."""

from dataclasses import dataclass, field

import numpy as np

from filters.fingerprint import Array

PAGE = np.dtype([("rank", "<u8"), ("page", "<u8"), ("sure", "<u4"), ("state", "u1"), ("forced", "u1")])
"""`page` is the key of its doc_id; `sure` counts the sentences of lines that it owns for good."""
LINE = np.dtype([("key", "<u8"), ("row", "<u4"), ("sentences", "u1")])
"""A line of the page in a row of the unit's pages, not yet settled."""
CLAIM = np.dtype([("key", "<u8"), ("rank", "<u8"), ("stays", "u1")])
"""The first page of a unit that may own a line, and whether it is sure to stay."""
ANSWER = np.dtype([("key", "<u8"), ("rank", "<u8"), ("unit", "<u4"), ("stays", "u1")])
"""The first of all claims on a line that several units claim."""

UNDECIDED, STAYS, LEAVES = range(3)


@dataclass(eq=False)
class OwnedUnit:
    """The pages of a unit in the order of its documents, and the lines of theirs that have no owner yet."""

    unit: int
    pages: Array
    lines: Array
    min_sentences: int
    _lost: Array = field(init=False)
    _owned: Array = field(init=False)

    def __post_init__(self) -> None:
        order = np.lexsort((self.lines["row"], self.pages["rank"][self.lines["row"]], self.lines["key"]))
        self.lines = self.lines[order]
        self._lost = self._owned = np.zeros(len(self.lines), np.bool_)

    def claims(self) -> Array:
        """For each line the first page that may own it, sorted by line."""
        lines = self.lines[_first_of_each(self.lines["key"])]
        claims = np.zeros(len(lines), CLAIM)
        claims["key"], claims["rank"] = lines["key"], self.pages["rank"][lines["row"]]
        claims["stays"] = self.pages["state"][lines["row"]] == STAYS
        return claims

    def decide(self, answers: Array) -> None:
        """Let pages stay and leave as far as the answers carry; a line without an answer is this unit's alone."""
        keys, rows, state = self.lines["key"], self.lines["row"], self.pages["state"]
        first = _first_of_each(keys)
        line = np.cumsum(first) - 1  # The number of each line's key.
        place = np.minimum(np.searchsorted(answers["key"], keys[first]), max(len(answers) - 1, 0))
        told = answers["key"][place] == keys[first] if len(answers) else np.zeros(first.sum(), np.bool_)
        elsewhere = np.zeros(first.sum(), np.bool_)
        settled = np.zeros(first.sum(), np.bool_)
        elsewhere[told] = answers["unit"][place[told]] != self.unit
        settled[told] = answers["stays"][place[told]] == 1
        claimed = np.flatnonzero(first)  # The line that was claimed: the first of all, unless it lies elsewhere.
        while True:
            live = state[rows] != LEAVES
            # Of a line that others claim too nobody here knows who is next when the page that claimed it leaves.
            best = np.where(told, claimed, _first_live(line, live, len(claimed)))
            is_best = np.zeros(len(rows), np.bool_)
            is_best[best[best >= 0]] = True
            ours = ~elsewhere[line] & is_best & live
            owner_stays = np.zeros(len(claimed), np.bool_)
            owner_stays[line[ours]] = state[rows[ours]] == STAYS
            lost = live & np.where(elsewhere[line], settled[line], owner_stays[line] & ~ours)
            sure = self._sentences(ours)
            possible = self._sentences(live & ~lost)
            undecided = state == UNDECIDED
            stay, leave = undecided & (sure >= self.min_sentences), undecided & (possible < self.min_sentences)
            if not (stay.any() or leave.any()):
                break
            state[stay], state[leave] = STAYS, LEAVES
        closed = ~told | settled  # Nobody else has to be told whose such a line is.
        self._lost, self._owned = lost, ours & owner_stays[line] & closed[line]

    def keep_undecided(self) -> None:
        """Let every page stay that is undecided."""
        undecided = self.pages["state"] == UNDECIDED
        self.pages["state"][undecided], self.pages["forced"][undecided] = STAYS, 1

    def settle(self) -> Array:
        """Take the lines out that have an owner, or whose page leaves; rows (page, line) of those that pages lose."""
        rows = self.lines["row"]
        np.add.at(self.pages["sure"], rows[self._owned], self.lines["sentences"][self._owned])
        lost = self.lines[self._lost]
        open_ = ~self._lost & ~self._owned & (self.pages["state"][rows] != LEAVES)
        self.lines = self.lines[open_]
        self._lost = self._owned = np.zeros(len(self.lines), np.bool_)
        return np.column_stack([self.pages["page"][lost["row"]], lost["key"]])

    def leaving(self) -> Array:
        """The pages that leave."""
        pages: Array = self.pages["page"][self.pages["state"] == LEAVES]
        return pages

    def short(self) -> Array:
        """The pages that stay with too few sentences because nothing else was decided in time."""
        sure = self.pages["sure"]
        few = (sure > 0) & (sure < self.min_sentences) & (self.pages["forced"] == 1)
        pages: Array = self.pages["page"][few]
        return pages

    def forget(self) -> None:
        """Drop the pages about which nothing is left to say."""
        wanted = (self.pages["state"] == UNDECIDED) | (self.pages["forced"] == 1)
        wanted[self.lines["row"]] = True
        wanted &= self.pages["state"] != LEAVES
        self.lines["row"] = (np.cumsum(wanted) - 1)[self.lines["row"]]
        self.pages = self.pages[wanted]

    def _sentences(self, which: Array) -> Array:
        """Each page's sentences that are its own for good, and those of the given lines."""
        rows = self.lines["row"][which]
        sentences = self.lines["sentences"][which].astype(np.int64)
        return self.pages["sure"] + np.bincount(rows, sentences, len(self.pages)).astype(np.int64)


def _first_of_each(sorted_keys: Array) -> Array:
    first = np.ones(len(sorted_keys), np.bool_)
    first[1:] = sorted_keys[1:] != sorted_keys[:-1]
    return first


def _first_live(line: Array, live: Array, lines: int) -> Array:
    """For each line the place of the first page that has not left; -1 where all have."""
    first = np.full(lines, -1)
    places = np.flatnonzero(live)[::-1]
    first[line[places]] = places  # The last assignment stands: the first place.
    return first
