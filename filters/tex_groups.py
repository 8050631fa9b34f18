r"""Where the groups of TeX source begin and end: braces, options in brackets, `\begingroup`, environments."""

import re
from bisect import bisect_left

_BRACE = re.compile(r"\\.|[{}]", re.DOTALL)
_BRACKET = re.compile(r"\\.|[{}\]]", re.DOTALL)
_BRACES = re.compile(r"%[^\n]*|\\[\\%{}]|[{}]")
_SCOPES = re.compile(
    r"""%[^\n]*|[{}]|\\(?:[\\%{}]
    |begin(?:\s*\{(?P<begun>[A-Za-z]+\*?)\}|(?P<opened>group)(?![A-Za-z@]))
    |end(?:\s*\{(?P<ended>[A-Za-z]+\*?)\}|(?P<closed>group)(?![A-Za-z@])))""",
    re.VERBOSE,
)


_MAX_BRACES = 2_000_000


class Groups:
    """The groups of a whole text, found in one pass; a brace in a comment is none.

    With `scopes` environments and `\\begingroup` are groups as well; `document` is none, nothing follows it. After two
    million braces no group is known any more.
    """

    def __init__(self, text: str, *, scopes: bool) -> None:
        self._positions: list[int] = []
        self._innermost: list[int] = []
        self._ends: list[int] = []
        self._length = len(text)
        stack: list[tuple[int, str]] = []
        for match in (_SCOPES if scopes else _BRACES).finditer(text):
            piece, kind = match[0], match.lastgroup
            if piece == "{" or kind in ("begun", "opened"):
                if (name := match[kind] if kind else "{") == "document":
                    continue
                stack.append((len(self._ends), name))
                self._ends.append(self._length)
            elif piece == "}" or kind in ("ended", "closed"):
                if not stack or stack[-1][1] != (match[kind] if kind else "{"):
                    continue  # An `\end{a}` closes no `\begin{b}`, a brace no environment.
                self._ends[stack.pop()[0]] = match.start()
            else:
                continue
            self._positions.append(match.start())
            self._innermost.append(stack[-1][0] if stack else -1)
            if len(self._positions) >= _MAX_BRACES:
                self._innermost[-1] = -1
                break

    def end_of(self, position: int) -> int:
        """Where the innermost group around a position ends; the text's end where there is none."""
        index = bisect_left(self._positions, position) - 1
        group = self._innermost[index] if index >= 0 else -1
        return self._ends[group] if group >= 0 else self._length

    def is_inside(self, position: int) -> bool:
        """Whether a position is inside any group."""
        index = bisect_left(self._positions, position) - 1
        return index >= 0 and self._innermost[index] >= 0


def group_end(text: str, start: int, limit: int) -> int:
    """Where the group whose `{` is at `start` ends, just after its `}`; -1 where that is not before `limit`."""
    depth = 0
    for match in _BRACE.finditer(text, start, limit):
        if match[0] == "{":
            depth += 1
        elif match[0] == "}":
            depth -= 1
            if not depth:
                return match.end()
    return -1


def option_end(text: str, start: int, limit: int) -> int:
    """Where the option whose `[` is at `start` ends, just after its `]`; a bracket inside braces does not count."""
    depth = 0
    for match in _BRACKET.finditer(text, start, limit):
        if match[0] == "{":
            depth += 1
        elif match[0] == "}":
            depth -= 1
            if depth < 0:
                return -1
        elif match[0] == "]" and not depth:
            return match.end()
    return -1
