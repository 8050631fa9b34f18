"""What CCNet's own code made of the real pages, as (record, text after deduplication)."""

import gzip
import hashlib
import json
import re

import pytest

PAGES_A_SAMPLE = 8


@pytest.fixture(scope="session")
def kept_by_ccnet():
    """Every eighth page that CCNet kept, and every one that it scored; the text is checked against CCNet's digest."""
    import os
    from pathlib import Path

    from fastwarc.warc import ArchiveIterator, WarcRecordType

    folder = os.environ.get("TOKENMILL_REAL_DATA")
    if not folder:
        pytest.skip("TOKENMILL_REAL_DATA names no folder of real dumps")
    with gzip.open(Path(folder) / "expected" / "ccnet.jsonl.gz", "rt", encoding="utf-8") as file:
        records = [json.loads(line) for line in file]
    kept = [record for record in records if record["dropped"] is None]
    wanted = {(r["url"], r["digest"]): r for i, r in enumerate(kept) if i % PAGES_A_SAMPLE == 0 or "perplexity" in r}
    found = []
    for path in sorted((Path(folder) / "commoncrawl").glob("[dw]*/*.wet.gz")):
        with path.open("rb") as stream:
            for page in ArchiveIterator(stream, record_types=WarcRecordType.conversion):
                key = page.headers.get("WARC-Target-URI"), page.headers.get("WARC-Block-Digest")
                lines = [line.strip() for line in re.split("\r\n|\r|\n", page.reader.read().decode())][1:]
                record = wanted.get(key)
                if record and max(record["line_ids"]) < len(lines):
                    text = "\n".join(lines[i] for i in record["line_ids"])
                    if hashlib.sha1(text.encode()).hexdigest() == record["text_sha1"]:
                        found.append((record, text))
    return found
