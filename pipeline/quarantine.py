"""What could not be read, as it lies in `quarantine/`."""

from pipeline.storage import Folder, read_batches

_PAGE = (b"<!doctype html", b"<html")


def is_web_page(raw: bytes) -> bool:
    """Whether bytes begin as a page does that a server sent in place of a file."""
    return raw.lstrip().lower().startswith(_PAGE)


def first_failure(output: Folder, where: str) -> str:
    """For a message: the first record below `quarantine/STAGE/SOURCE`, and why it failed; empty where there is none."""
    folder = f"quarantine/{where}"
    for name in sorted(output.list(folder)):
        for batch in read_batches(output, f"{folder}/{name}"):
            for row in batch.slice(0, 1).to_pylist():
                why = f"{row['reason']}, {row['detail']}" if row["detail"] else str(row["reason"])
                page = is_web_page(bytes(row["raw"] or b""))
                return (
                    f": first {row['origin']}: {why}{'; it begins as a web page does: fetch it again' if page else ''}"
                )
    return ""
