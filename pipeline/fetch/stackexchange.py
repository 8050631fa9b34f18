"""StackExchange's archives as archive.org has them: the `.7z` files that `ITEM_files.xml` lists with checksums."""

import re
from collections.abc import Mapping, Sequence

from pipeline.corpora.stackexchange import choose_sites
from pipeline.errors import SettingError
from pipeline.fetch.listing import Listings, xml_rows
from pipeline.fetch.transfer import AbsentError
from pipeline.fetch.wanted import Plan, join_url, known_digest, known_size
from pipeline.spelling import nearest_name

_OTHER_TABLE = re.compile(r"-(Badges|Comments|PostHistory|PostLinks|Tags|Users|Votes)\.7z\Z")
_SITE = re.compile(r"[a-z0-9.-]{1,100}")


def plan(listings: Listings, base: str, sites: Sequence[str], largest: int) -> Plan:
    """The archives of these sites, and of so many of the largest by the size of their archives."""
    item = base.rstrip("/").rsplit("/", 1)[-1]
    try:
        rows = xml_rows(listings.read(join_url(base, f"{item}_files.xml")), "file")
    except AbsentError as error:
        raise SettingError(f"--base-url {base}: {error}: its listing would be {item}_files.xml") from error
    archives = {
        row["name"]: row for row in rows if row.get("name", "").endswith(".7z") and not _OTHER_TABLE.search(row["name"])
    }
    names = [*_named(archives, sites), *choose_sites({n: known_size(row) or 0 for n, row in archives.items()}, largest)]
    made = Plan("stackexchange")
    for name in dict.fromkeys(names):
        row = archives[name]
        size, sha1, md5 = known_size(row), known_digest(row, "sha1", 40), known_digest(row, "md5", 32)
        made.add(name, [join_url(base, name)], size=size, sha1=sha1, md5=md5)
    return made


def _named(archives: Mapping[str, object], sites: Sequence[str]) -> list[str]:
    """The archive of each site: all its tables, or those of its posts where they come apart."""
    found = []
    for site in sites:
        name = next((name for name in (f"{site}.7z", f"{site}-Posts.7z") if name in archives), None)
        if name is None or not _SITE.fullmatch(site):
            known = sorted(name.removesuffix(".7z").removesuffix("-Posts") for name in archives)
            raise SettingError(
                f"--sites {site}: not listed{nearest_name(site, known) if len(known) < 2000 else ''}"[:300]
            )
        found.append(name)
    return found
