"""The files that say which files there are: read whole, within bounds, and never believed."""

import io
import re
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from lxml import etree

from pipeline.corpora.gzip_members import DamageError, Unpacked
from pipeline.errors import SettingError
from pipeline.fetch.patience import Patience
from pipeline.fetch.transfer import CutError, RefusedError, Transport, Version

MAX_BYTES = 64 << 20
MAX_UNPACKED_BYTES = 256 << 20
_SLICE = re.compile(r"(\d{0,9}):(\d{0,9})")


@dataclass(frozen=True, slots=True)
class Listings:
    """Reads listings over the same transport as files, as patiently."""

    transport: Transport
    patience: Patience

    def read(self, url: str) -> bytes:
        """All bytes of a listing."""
        return self.patience.persist(url, lambda: self._read(url))

    def lines(self, url: str) -> list[str]:
        """The lines of a gzipped listing."""
        return self.patience.persist(url, lambda: _unpack(self._read(url)).decode("utf-8", "replace").splitlines())

    def _read(self, url: str) -> bytes:
        reply = self.transport.open(url, 0, Version())
        data = bytearray()
        with closing(reply):
            for piece in reply.chunks:
                data += piece
                if len(data) > MAX_BYTES:
                    raise RefusedError(f"{url}: a listing of more than {MAX_BYTES} bytes")
        if reply.total is not None and len(data) != reply.total:
            raise CutError(f"cut off after {len(data)} of {reply.total} bytes")
        return bytes(data)


def _unpack(packed: bytes) -> bytes:
    members, data = Unpacked(io.BytesIO(packed), "listing.gz"), bytearray()
    try:
        while piece := members.read():
            data += piece
            if len(data) > MAX_UNPACKED_BYTES:
                raise RefusedError(f"a listing that unpacks to more than {MAX_UNPACKED_BYTES} bytes")
    except DamageError as damage:
        raise CutError(f"the listing arrived spoiled: {damage.reason}") from damage
    return bytes(data)


def xml_rows(data: bytes, tag: str) -> list[Mapping[str, str]]:
    """Each element of that tag as its attributes and its children's texts; no entity is expanded, nothing fetched."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        root = etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise RefusedError(f"the listing is no XML: {str(error)[:200]}") from error
    if root.getroottree().docinfo.doctype:
        raise RefusedError("the listing declares a document type, which none does")
    return [_row(element) for element in root.iter(tag)]


def _row(element: Any) -> Mapping[str, str]:
    children = {str(child.tag): (child.text or "").strip() for child in element if isinstance(child.tag, str)}
    return {str(name): str(value) for name, value in element.attrib.items()} | children


def parse_slice(text: str) -> slice:
    """`FIRST:LAST` as Python has it: from 0, the last one left out; `:` is all."""
    found = _SLICE.fullmatch(text)
    if not found:
        raise SettingError(f"--files {text}: write FIRST:LAST, such as 0:40")
    first, last = int(found[1] or 0), int(found[2]) if found[2] else None
    if last is not None and last <= first:
        raise SettingError(f"--files {text}: LAST must be above FIRST")
    return slice(first, last)


def take(files: list[Any], part: slice) -> list[Any]:
    """The slice of a listing; an empty one is a wrong setting."""
    if not files[part]:
        raise SettingError(
            f"--files {part.start}:{'' if part.stop is None else part.stop}: there are {len(files)} files"
        )
    return files[part]
