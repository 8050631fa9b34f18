"""Wikipedia's dumps: the files that each wiki's `dumpstatus.json` lists, with their SHA-1."""

import json
import re
from collections.abc import Sequence
from typing import Any

from pipeline.errors import SettingError
from pipeline.fetch.listing import Listings
from pipeline.fetch.transfer import TransferError
from pipeline.fetch.wanted import Plan, join_url, known_digest, known_size

JOB = "articlesmultistreamdump"
_DATE = re.compile(r"\d{8}")
_LANGUAGE = re.compile(r"[a-z][a-z-]{1,19}")


def plan(listings: Listings, base: str, date: str, languages: Sequence[str]) -> Plan:
    """The articles of each wiki on that day. A wiki whose dump is not there is refused, the others go on."""
    if not _DATE.fullmatch(date):
        raise SettingError(f"--date {date}: write it as 20220820")
    made = Plan("wikipedia")
    for language in languages:
        if not _LANGUAGE.fullmatch(language):
            raise SettingError(f"--languages {language}: no language code")
        wiki = f"{language.replace('-', '_')}wiki"
        try:
            status = listings.read(join_url(base, f"{wiki}/{date}/dumpstatus.json"))
            _add_wiki(made, base, wiki, date, _files(status))
        except TransferError as error:
            made.refuse(f"{wiki}/{date}", str(error))
        except (ValueError, TypeError, AttributeError, KeyError, RecursionError) as error:
            made.refuse(f"{wiki}/{date}", f"dumpstatus.json has no finished {JOB}: {str(error)[:100]}")
    return made


def _files(status: bytes) -> dict[str, dict[str, Any]]:
    job = json.loads(status)["jobs"][JOB]
    if job["status"] != "done":
        raise ValueError(f"its status is {job['status']!r}")
    return dict(job["files"])


def _add_wiki(made: Plan, base: str, wiki: str, date: str, files: dict[str, dict[str, Any]]) -> None:
    """The parts of a dump that is split, else the whole; the index and whatever else is listed stay."""
    stem = rf"{wiki}-{date}-pages-articles-multistream"
    parts = [name for name in files if re.fullmatch(rf"{stem}\d+\.xml-p\d+p\d+\.bz2", name)]
    for name in sorted(parts or [name for name in files if name == f"{stem}.xml.bz2"]):
        known = files[name]
        made.add(
            f"{date}/{name}",
            [join_url(base, f"{wiki}/{date}/{name}")],
            size=known_size(known),
            sha1=known_digest(known, "sha1", 40),
            md5=known_digest(known, "md5", 32),
        )
    if not any(wanted.name.startswith(f"{date}/{stem}") for wanted in made.wanted):
        raise ValueError("it lists no file of articles")
