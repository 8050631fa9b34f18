"""arXiv's bulk archives of sources: the tars that `arXiv_src_manifest.xml` lists with their MD5."""

import re

from pipeline.fetch.listing import take, xml_rows
from pipeline.fetch.wanted import Plan, join_url, known_digest, known_size

_NAME = re.compile(r"(?:src/)?(arXiv_src_\d{4}_\d{3,4}\.tar)")


def plan(manifest: bytes, base: str, part: slice) -> Plan:
    """The tars of a slice of the manifest, as the base address has them below `src`."""
    made = Plan("arxiv")
    for row in take(xml_rows(manifest, "file"), part):
        path = row.get("filename", "")
        found = _NAME.fullmatch(path)
        if not found:
            made.refuse(path, "no archive of sources")
            continue
        made.add(found[1], [join_url(base, path)], size=known_size(row), md5=known_digest(row, "md5sum", 32))
    return made
