"""Archives that tests make in memory."""

import io
import tarfile
import zipfile
from collections.abc import Mapping, Sequence


def tar_of(
    files: Mapping[str, bytes | str] | Sequence[tuple[str, bytes]],
    *others: tarfile.TarInfo,
    format: int = tarfile.PAX_FORMAT,
) -> bytes:
    """A tar archive of files by name, or of pairs where a name comes twice; then members that have no content."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=format) as archive:
        for name, content in files.items() if isinstance(files, Mapping) else files:
            body = content.encode() if isinstance(content, str) else content
            info = tarfile.TarInfo(name)
            info.size = len(body)
            archive.addfile(info, io.BytesIO(body))
        for info in others:
            archive.addfile(info)
    return stream.getvalue()


def zip_of(files: Mapping[str, bytes | str], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A zip archive of files by name, all of one date."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name), content, compression)
    return stream.getvalue()
