"""CommonCrawl's WET files: the lines of `crawl-data/DUMP/wet.paths.gz`."""

import re

from pipeline.errors import SettingError
from pipeline.fetch.listing import Listings, take
from pipeline.fetch.transfer import AbsentError
from pipeline.fetch.wanted import Plan, join_url

MAX_FILE_BYTES = 8 << 30
_DUMP = re.compile(r"CC-MAIN-\d{4}-\d{2}")


def plan(listings: Listings, base: str, dump: str, part: slice) -> Plan:
    """The WET files of a slice of the dump, each at its path below `crawl-data`."""
    if not _DUMP.fullmatch(dump):
        raise SettingError(f"--dump {dump}: write it as CC-MAIN-2019-18")
    try:
        paths = take(listings.lines(join_url(base, f"crawl-data/{dump}/wet.paths.gz")), part)
    except AbsentError as error:
        raise SettingError(f"--dump {dump}: {error}: {base} lists no such dump") from error
    made = Plan("commoncrawl")
    for path in paths:
        top, _, name = path.partition("/")
        if top != "crawl-data" or not name.startswith(f"{dump}/") or not name.endswith(".wet.gz"):
            made.refuse(path, f"no WET file of {dump}")
        else:
            made.add(name, [join_url(base, path)], gzip=True, max_bytes=MAX_FILE_BYTES)
    return made
