"""What a reader sees of a link within a wiki."""

import re

from filters.namespaces import SISTER_PREFIXES
from filters.wikimend import HOLE

_MEDIA_FILE = re.compile(
    r"\.(?:jpe?g|png|gif|svg|tiff?|webp|og[agv]|web[am]|mp[34]|wav|flac|midi?|pdf|djvu|xcf|stl)\s*$", re.IGNORECASE
)


def link_text(target: str, label: str | None, dropped: frozenset[str]) -> str:
    """What a reader sees of `[[target|label]]`: the label, else the target, and nothing of a file or a category.

    `dropped` holds the lower-case prefixes that show nothing in this wiki; a prefix before a media file's name is one
    in any wiki.
    """
    if "\n" in target or "[" in target:
        return f"[[{target}]]" if label is None else f"[[{target}|{label}]]"
    if ":" in target:
        return _prefixed_text(target, label, dropped)
    if label and not label.isspace():
        return label.strip("\n")
    return _target_text(target.strip(), label)


def _prefixed_text(target: str, label: str | None, dropped: frozenset[str]) -> str:
    shown = target.strip()
    as_text = shown[0] == ":"
    shown = shown.lstrip(":")
    prefix, _, rest = shown.partition(":")
    name = prefix.strip().replace("_", " ").lower()
    if not as_text and (name in dropped or _is_media(name, rest, label)):
        return HOLE
    if label and not label.isspace():
        return label.strip("\n")
    if name in SISTER_PREFIXES:
        shown = rest.rsplit(":", 1)[-1]
    return _target_text(shown, label)


def _is_media(prefix: str, name: str, label: str | None) -> bool:
    return label is not None and prefix not in SISTER_PREFIXES and bool(_MEDIA_FILE.search(name))


def _target_text(shown: str, label: str | None) -> str:
    if label is not None:  # The pipe trick: `[[Paris (mythology)|]]` shows Paris.
        shown = shown.partition(" (")[0].partition(", ")[0]
    return shown.lstrip("#").replace("_", " ")
