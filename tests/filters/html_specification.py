"""What `html_to_text` does, in plain Python: the layout, and two ways to feed it, by expressions and by libxml2."""

import html
import re

from lxml import etree

from filters.html_tags import ELEMENTS
from filters.superscript import subscript, superscript

KIND_NAMES = (
    *"empty break rule paragraph block row cell code quote bullets numbers item".split(),
    *("raised", "lowered", "hidden", "dropped"),
)
KINDS = {name: kind for kind, names in zip(KIND_NAMES, ELEMENTS.values(), strict=True) for name in names.split()}
BLANKS = " \t\n\r\f\v\u00a0"
LISTS, MOVED, STACKED = ("bullets", "numbers"), {"raised": superscript, "lowered": subscript}, "code quote item hidden"
VALUE = r"""(?:"[^"]*(?:"|\Z)|'[^']*(?:'|\Z)|(?!["'])[^\s>]*+)"""
PIECE = rf"""(?:[\s/]++|[^\s/>][^\s/>=]*+(?:\s*=\s*{VALUE})?+)"""
MARKUP = re.compile(
    r"<!--(?:-?>|.*?(?:--!?>|\Z))|<[!?][^>]*(?:>|\Z)|</(?=[^a-z])[^>]*(?:>|\Z)"
    rf"|<(?P<end>/?)(?P<name>[a-z][^\s/>]*+)(?P<attributes>{PIECE}*+)(?P<whole>>|\Z)",
    re.DOTALL | re.IGNORECASE | re.ASCII,
)
ATTRIBUTE = re.compile(rf"([^\s/>][^\s/>=]*+)\s*=\s*({VALUE})", re.ASCII)


class TooDeepError(ValueError):
    pass


def text_of(source: str) -> str:
    """The text, by expressions over the source."""
    layout, at = Layout(4 * len(source.encode()) + (1 << 16)), 0
    while at < len(source):
        found = MARKUP.match(source, at)
        if not found:
            end = source.find("<", at + 1)
            end = end if end >= 0 else len(source)
            data = html.unescape(source[at:end].replace("\r\n", "\n").replace("\r", "\n")).replace("\0", "")
            layout.data(data)
            at = end
            continue
        at = found.end()
        if found["name"] and found["whole"]:
            name, attributes = found["name"].lower(), found["attributes"]
            *_, last = ["", *re.findall(PIECE, attributes, re.ASCII)]
            closed = re.fullmatch(r"[\s/]*/", last, re.ASCII) is not None
            if found["end"]:
                layout.end(name)
                continue
            layout.start(name, first_number(attributes), closed)
            if KINDS.get(name) == "dropped" and not closed:
                end = re.compile(rf"</{name}(?=[\s/>])", re.IGNORECASE | re.ASCII).search(source, at)
                at = end.start() if end else len(source)
    return layout.close()


def first_number(attributes: str) -> int:
    for piece in re.findall(PIECE, attributes, re.ASCII):
        attribute = ATTRIBUTE.fullmatch(piece)
        if attribute and attribute[1].lower() == "start":
            number = attribute[2].strip("'\"")
            return int(number) if re.fullmatch("-?[0-9]{1,9}", number, re.ASCII) else 1
    return 1


def text_by_libxml2(source: str) -> str:
    """The text, from libxml2's events: it repairs the tree before."""
    parser = etree.HTMLParser(target=Libxml2Target(), remove_comments=True)
    parser.feed(f"<html><body>{source}")
    return parser.close()


class Libxml2Target:
    def __init__(self) -> None:
        self.layout, self.dropped = Layout(), 0

    def start(self, tag, attributes):
        self.dropped += KINDS.get(tag) == "dropped"
        self.layout.start(tag, first_number(f'start="{attributes.get("start", 1)}"'), False)

    def end(self, tag):
        self.dropped -= KINDS.get(tag) == "dropped"
        if tag != "br":
            self.layout.end(tag)

    def data(self, text):
        if not self.dropped:
            self.layout.data(text)

    def close(self):
        return self.layout.close()


def is_moved(text: str) -> bool:
    return not text or all(superscript(character) != character for character in text)


def set_apart(before: str, text: str, kind: str) -> str:
    """Keeps what could not be moved from reading as one word with what it stands behind."""
    if not before or before[-1] in " \u00a0([{":
        return text
    is_formula = " " not in text and len(text.encode()) <= 12 and re.search(r"\A[0-9]|[*+/=-]", text)
    if kind == "lowered":
        return f"_({text})" if is_formula else f"_{text}" if re.fullmatch("[A-Za-z0-9]+", text) else f" {text}"
    if text[0] in "[(*":
        return text
    if re.fullmatch("[a-z]+", text) and re.search(r"[A-Za-z0-9)]\Z", before):
        return f"^{text}" if re.fullmatch("[^aeo]", text) else text if len(text) <= 3 else f" {text}"
    return f"^({text})" if is_formula else f" {text}"


class Layout:
    """Takes the events and lays the text out in lines, each behind the marks of its quotes and lists."""

    def __init__(self, max_bytes: int = 1 << 30, max_depth: int = 256, max_marks: int = 8) -> None:
        self.max_bytes = max_bytes
        self.max_depth, self.max_marks = max_depth, max_marks
        self.lines, self.line, self.stack, self.marks = [], "", [], []
        self.loose = self.empty_code_lines = self.cells = 0
        self.blank_wanted = self.at_first_item = self.at_item = self.fed = False
        self.blank_marks = []

    def kinds(self) -> list[str]:
        return [kind for kind, _ in self.stack]

    def data(self, text: str) -> None:
        if "hidden" in self.kinds():
            return
        first, *others = text.split("\n")
        self.put(first)
        for other in others:
            fed = self.line != "" or self.fed
            self.end_or_part_cells("code" in self.kinds())
            self.fed = fed and not self.cells and "code" not in self.kinds()
            self.put(other)

    def line_break(self) -> None:
        if self.fed and not self.line:
            self.fed = False
        else:
            self.end_or_part_cells(True)

    def end_or_part_cells(self, keep_empty: bool) -> None:
        if self.cells and "code" not in self.kinds():
            self.put(" ")
        else:
            self.end_line(keep_empty)

    def put(self, text: str) -> None:
        if "code" not in self.kinds():
            text = re.sub(r"[ \t\r\f\v]+", " ", text)
            text = text.lstrip(" ") if not self.line or self.line.endswith(" ") else text
        self.line += text

    def start(self, name: str, number: int, closed: bool) -> None:
        kind = KINDS.get(name, "inline")
        if kind in ("paragraph", "rule", "block", "code", "quote"):
            self.part()
        elif kind == "break":
            self.line_break()
        elif kind == "row":
            self.end_line()
        elif kind == "cell":
            if self.cells or self.line:
                self.line += "| " if not self.line or self.line.endswith(" ") else " | "
            self.cells += 1
        elif kind == "item":
            self.end_stacked("item", stops=(*LISTS, "quote", "code", "hidden"))
        if kind in ("inline", "block"):
            self.loose += 1
        elif kind in (*LISTS, *MOVED, *STACKED.split()):
            self.open(kind, number)
        if self.loose + len(self.stack) > self.max_depth:
            raise TooDeepError
        if closed and kind not in ("break", "paragraph"):
            self.end(name)

    def open(self, kind: str, number: int) -> None:
        value = [number if kind == "numbers" else None]
        if kind == "quote":
            self.marks.append(["> ", "> "])
        elif kind in LISTS:
            self.end_line()
            if not any(kind in LISTS for kind in self.kinds()):
                self.part()
            self.at_first_item = True
        elif kind == "item":
            self.open_item()
        elif kind in MOVED:
            value = [len(self.line)]
        self.stack.append((kind, value))

    def open_item(self) -> None:
        self.end_line()
        lists = [value for kind, value in self.stack if kind in LISTS]
        mark = "* "
        if lists and lists[-1][0] is not None:
            mark = f"{lists[-1][0]}. "
            lists[-1][0] += 1
        self.blank_wanted = self.blank_wanted and self.at_first_item and len(lists) == 1
        self.at_first_item, self.at_item = False, True
        self.marks.append([mark, " " * len(mark)])

    def end(self, name: str) -> None:
        kind = KINDS.get(name, "inline")
        if kind in ("inline", "block"):
            self.loose = max(0, self.loose - 1)
        if kind in ("paragraph", "block"):
            self.part()
        elif kind == "break":
            self.line_break()
        elif kind == "row":
            self.end_line()
        stops = {"item": LISTS, "raised": (*LISTS, "item", "quote", "code")}
        self.end_stacked(kind, ("hidden", *stops.get("raised" if kind in MOVED else kind, ())))

    def end_stacked(self, kind: str, stops: tuple[str, ...]) -> None:
        for level in range(len(self.stack) - 1, -1, -1):
            if self.stack[level][0] == kind:
                while len(self.stack) > level:
                    self.pop()
                return
            if self.stack[level][0] in stops:
                return

    def pop(self) -> None:
        kind, value = self.stack[-1]
        if kind in ("quote", "code"):
            self.part()
        elif kind in (*LISTS, "item"):
            self.end_line()
        if kind in ("quote", "item"):
            self.marks.pop()
        if kind in MOVED:
            before, moved = self.line[: value[0]], self.line[value[0] :]
            form = MOVED[kind](moved)
            self.line = before + (form if form != moved or is_moved(moved) else set_apart(before, moved, kind))
        self.stack.pop()
        if kind in LISTS:
            self.blank_wanted = not any(kind in LISTS for kind in self.kinds())
        self.at_item = self.at_item and kind != "item"
        self.blank_marks = self.blank_marks[: len(self.marks)]

    def part(self) -> None:
        self.end_line()
        self.empty_code_lines = 0
        self.blank_wanted = self.blank_wanted or not self.at_item

    def end_line(self, keep_empty: bool = False) -> None:
        text, self.line = self.line.rstrip(BLANKS), ""
        while self.cells and (text == "|" or text.endswith(" |")):
            text = text[:-1].rstrip(BLANKS)
        self.cells, self.fed = 0, False
        for kind, value in self.stack:
            if kind in MOVED:
                value[0] = 0
        marks = self.marks[: self.max_marks]
        if not text:
            if keep_empty and self.lines and not self.at_item and not self.blank_wanted:
                self.empty_code_lines += "code" in self.kinds()
                self.blank_wanted = "code" not in self.kinds()
            return
        if sum(len(line.encode()) + 1 for line in self.lines) > self.max_bytes:
            raise TooDeepError
        if self.blank_wanted and self.lines:
            self.lines.append("".join(rest for _, rest in self.blank_marks).rstrip())
        self.lines += ["".join(rest for _, rest in marks).rstrip()] * self.empty_code_lines
        self.lines.append("".join(first for first, _ in marks) + text)
        for mark in marks:
            mark[0] = mark[1]
        self.blank_wanted = self.at_item = False
        self.empty_code_lines, self.blank_marks = 0, list(marks)

    def close(self) -> str:
        while self.stack:
            self.pop()
        self.end_line()
        return "\n".join(self.lines)
