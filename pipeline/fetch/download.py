"""One file, from wherever it was left to where it lies verified."""

import threading
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import partial

from pipeline.faults import writing
from pipeline.fetch.patience import Patience
from pipeline.fetch.shelf import Record, Shelf
from pipeline.fetch.tally import Tally
from pipeline.fetch.transfer import AbsentError, CutError, RefusedError, Reply, TransferError, Transport, Version
from pipeline.fetch.verify import fault_of, file_digest
from pipeline.fetch.wanted import Wanted

PRESENT, FETCHED, FAILED = "present", "fetched", "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of a file: `state` is present, fetched or failed, `reason` says why it failed."""

    name: str
    state: str
    bytes: int = 0
    reason: str = ""


@dataclass(slots=True, kw_only=True)
class Downloads:
    """Brings files to a shelf. `stopped` ends a download between two pieces."""

    shelf: Shelf
    transport: Transport
    patience: Patience
    stopped: threading.Event
    max_spoiled: int = 3
    tally: Tally = field(default_factory=Tally)

    def fetch(self, wanted: Wanted) -> Outcome:
        """Bring one file, unless it is there. A file that arrives spoiled is asked for again, then put aside."""
        name = wanted.name
        try:
            if self._is_current(wanted) or self._is_adopted(wanted):
                return Outcome(name=name, state=PRESENT, bytes=self.shelf.path(name).stat().st_size)
            for _ in range(self.max_spoiled):
                self._transfer(wanted)
                fault = fault_of(self.shelf.partial(name), wanted)
                if not fault:
                    record = self.shelf.publish(name, self._record(name))
                    return Outcome(name=name, state=FETCHED, bytes=record.size or 0)
                self.patience.say(f"{name}: arrived spoiled, {fault}")
                aside = self.shelf.put_aside(self.shelf.partial(name), name, fault)
            return Outcome(name=name, state=FAILED, reason=f"{fault}; it lies in {aside}")
        except (TransferError, FileExistsError, NotADirectoryError, IsADirectoryError) as error:
            return Outcome(name=name, state=FAILED, reason=str(error))
        finally:
            self.tally.end(name)

    def _is_current(self, wanted: Wanted) -> bool:
        """Whether the file is there, verified, and what the listing says: newer dumps take the names of older ones."""
        record = self.shelf.done(wanted.name)
        if record is None:
            return False
        return wanted.size in (None, record.size) and wanted.sha1 in ("", record.sha1)

    def _is_adopted(self, wanted: Wanted) -> bool:
        """Whether a file that somebody else put here is the one; if not, it is put aside."""
        path = self.shelf.path(wanted.name)
        if not path.is_file():
            return False
        known = wanted
        if wanted.size is None:
            known = replace(wanted, size=self.patience.persist(wanted.name, lambda: self._size(wanted)))
        fault = fault_of(path, known) if known.size is not None or known.has_checksum else "unknown_size"
        if fault:
            aside = self.shelf.put_aside(path, wanted.name, fault)
            self.patience.say(f"{wanted.name}: the file that was there is not the server's ({fault}); moved to {aside}")
            return False
        record = Record(url=wanted.urls[0], version=Version(), size=known.size)
        self.shelf.finish(wanted.name, record, file_digest(path))
        return True

    def _size(self, wanted: Wanted) -> int | None:
        for url in wanted.urls:
            try:
                return self.transport.size(url)
            except AbsentError:
                continue
        raise AbsentError(f"the server has none of {', '.join(wanted.urls)}")

    def _transfer(self, wanted: Wanted) -> None:
        """Bring all bytes to the partial file, from the first address that has the file."""
        held = self.shelf.read_record(wanted.name)
        urls = sorted(wanted.urls, key=lambda url: held is None or url != held.url)
        for url in urls:
            try:
                attempt = partial(self._attempt, wanted, url)
                self.patience.persist(wanted.name, attempt, partial(self.shelf.partial_bytes, wanted.name))
                return
            except AbsentError:
                if url == urls[-1]:
                    raise
                self.shelf.drop(wanted.name)

    def _attempt(self, wanted: Wanted, url: str) -> None:
        """One request, and what comes of it on disk."""
        name = wanted.name
        held, start = self.shelf.read_record(name), self.shelf.partial_bytes(name)
        if held is None or held.url != url or not (held.version.condition or wanted.has_checksum):
            held, start = None, 0
        if held and start and start == held.size:
            return  # Killed between the last byte and the rename.
        version = held.version if held else Version()
        reply = self.transport.open(url, start, version)
        if reply.start and (reply.start != start or version.differs(reply.version)):
            reply.close()
            self.shelf.drop(name)
            reply = self.transport.open(url, 0, Version())
        with closing(reply):
            self._check(reply, wanted)
            found = reply.version if reply.start == 0 or reply.version.condition else version
            record = Record(url=url, version=found, size=reply.total)
            if reply.start == 0:
                self.shelf.begin(name, record)
            else:
                self.shelf.write_record(name, record)
            self.tally.expect(name, None if reply.total is None else reply.total - reply.start)
            self._write(reply, wanted)

    def _check(self, reply: Reply, wanted: Wanted) -> None:
        if reply.start not in (0, self.shelf.partial_bytes(wanted.name)):
            raise CutError("the server answers from another place of the file than it was asked for")
        total = reply.total
        if total is not None and wanted.size is not None and total != wanted.size:
            self.shelf.drop(wanted.name)
            raise CutError(f"the server says {total} bytes, the listing {wanted.size}")
        if total is not None and total > wanted.max_bytes:
            raise RefusedError(f"{total} bytes are more than the {wanted.max_bytes} that a file may have")

    def _write(self, reply: Reply, wanted: Wanted) -> None:
        """Append what comes; what does not fit what was said is an error of the server."""
        size, limit = reply.start, reply.total if reply.total is not None else wanted.max_bytes
        path = self.shelf.partial(wanted.name)
        with writing(path), path.open("ab") as file:
            for piece in reply.chunks:
                if self.stopped.is_set():
                    raise KeyboardInterrupt
                if size + len(piece) > limit:
                    file.truncate(0)
                    told = f"the server sends more than {limit} bytes"
                    raise CutError(told) if reply.total is not None else RefusedError(told)
                file.write(piece)
                size += len(piece)
                self.tally.add(wanted.name, len(piece))
        if reply.total is not None and size < reply.total:
            raise CutError(f"cut off after {size} of {reply.total} bytes")

    def _record(self, name: str) -> Record:
        record = self.shelf.read_record(name)
        if record is None:
            raise RefusedError("its record went away while it was fetched: is another program at work here?")
        return record
