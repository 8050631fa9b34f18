"""StackExchange dumps made to hurt: each has its reason, in bounded time and memory."""

import html
import io
import time
import tracemalloc

import pytest

from pipeline.corpora.corpus import BadRecord, RawDocument, RawFile, document_batches
from pipeline.corpora.stackexchange import filters, read
from pipeline.source_sections import StackExchange

HEAD, FOOT = b'<?xml version="1.0"?>\n<posts>\n', b"</posts>\n"


def row(number: int, body: str = "fine", more: str = "") -> bytes:
    return f'  <row Id="{number}" PostTypeId="1" Title="T" Body="{html.escape(body)}" {more}/>\n'.encode()


def outcome(content: bytes, mode: str) -> list[str | None]:
    """The reason of each record, None where it is kept."""
    settings = StackExchange(mode=mode)
    file = RawFile.of_bytes("coffee/Posts.xml", content)
    found = list(read(file, settings))
    (rule,) = filters(settings)
    documents = [record for record in found if isinstance(record, RawDocument)]
    kept = [r for b in document_batches("stackexchange", file, documents) for r in rule.apply(b).reason.to_pylist()]
    return [record.reason for record in found if isinstance(record, BadRecord)] + kept


BOMB = '<!DOCTYPE posts [<!ENTITY a "ha">' + "".join(
    f'<!ENTITY {chr(98 + n)} "{f"&{chr(97 + n)};" * 10}">' for n in range(9)
)


@pytest.mark.parametrize("mode", ["intended", "faithful"])
@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (b'  <row Id="7" PostTypeId="1" Body="&j;" />\n', "malformed_row"),
        (row(7, more=" ".join(f'a{n}="{n}"' for n in range(100_000))), "malformed_row"),
        (row(7, more='x="' + "&amp;" * 100_000), "malformed_row"),
        (row(7, "<b>" * 10_000), "nested_too_deeply"),
        (row(7, "<div>" * 10_000 + "</div>" * 10_000), "nested_too_deeply"),
        (row(7, "<blockquote>" * 10_000), "nested_too_deeply"),
        (row(7, "<a " * 10_000), None),
        (row(7, "<!--" * 100_000), None),
        (row(7, "&#x" * 100_000 + "&" * 100_000), None),
        (row(7, "<a href='" * 100_000), None),
        (row(7, "x" * 3_000_000), "post_too_large"),
    ],
)
def test_a_hostile_post_has_its_reason_and_its_neighbours_are_read(bad, reason, mode):
    begun = time.process_time()
    content = HEAD.replace(b"<posts>", (BOMB + "]><posts>").encode()) + row(1) + bad + row(9) + FOOT
    assert sorted(map(str, outcome(content, mode))) == sorted(["None", "None", str(reason)])
    assert time.process_time() - begun < 20


class LongLine(io.RawIOBase):
    """A file with so many bytes of one line, made as they are read."""

    def __init__(self, start: bytes, size: int) -> None:
        self._start, self.size, self._at = start, len(start) + size + len(FOOT), 0

    def seek(self, at: int, _whence: int = 0) -> int:
        self._at = at
        return at

    def read(self, size: int = -1) -> bytes:
        end = self.size - len(FOOT)
        at, self._at = self._at, min(self._at + size, self.size)
        line = b"x" * (min(self._at, end) - max(at, len(self._start)))
        return self._start[at : self._at] + line + FOOT[max(0, at - end) : max(0, self._at - end)]


@pytest.mark.parametrize("start", [HEAD + b'<row Id="1" Body="', HEAD + b"<row ", HEAD, b"", HEAD + b"<!--"])
def test_a_line_of_a_hundred_megabytes_is_read_in_little_memory(start):
    size = LongLine(start, 100_000_000).size
    file = RawFile(name="coffee/Posts.xml", size=size, opener=lambda: LongLine(start, 100_000_000))
    tracemalloc.start()
    reasons = [record.reason for record in read(file, StackExchange())]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert reasons == (["post_too_large"] if b"<row" in start else [] if start else ["not_posts"])
    assert peak < 32 << 20


def test_marks_do_not_multiply_a_thread():
    body = "<ol start=999999999><li>" * 8 + "<br>x" * 100_000
    assert outcome(HEAD + row(1, body) + FOOT, "intended") == ["nested_too_deeply"]
