"""One `tokenmill fetch`: a plan, then its files side by side, then what it came to."""

import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

from pipeline.errors import FatalError
from pipeline.fetch.download import FAILED, FETCHED, PRESENT, Downloads, Outcome
from pipeline.fetch.listing import Listings
from pipeline.fetch.patience import Patience, WallClock
from pipeline.fetch.shelf import HIDDEN, Shelf
from pipeline.fetch.store import Store
from pipeline.fetch.tally import Tally
from pipeline.fetch.transfer import Reply, TransferError, Transport, Version
from pipeline.fetch.wanted import Plan, Wanted
from pipeline.fetch.web import SCHEMES, Web, check_base
from pipeline.guards import locked
from pipeline.places import check_writable
from pipeline.progress import Reporter
from pipeline.storage import Folder


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """What all sources share: where to, from where, how patiently, how many at once."""

    to: Path
    base_url: str
    transport: Transport
    patience: Patience
    reporter: Reporter
    stopped: threading.Event
    parallel: int = 4

    @property
    def listings(self) -> Listings:
        """Reads the listings that plans are made of."""
        return Listings(self.transport, self.patience)

    def fetch(self, plan: Plan) -> list[Outcome]:
        """Bring the files of the plan; in its order, what became of each."""
        root = self.to / plan.source
        check_writable(Folder(str(root)), "--to")
        with locked(Folder(str(root)), name=f"{HIDDEN}/lock", option="--to"):
            tally = Tally.of(plan.wanted)
            downloads = Downloads(
                shelf=Shelf(root), transport=self.transport, patience=self.patience, stopped=self.stopped, tally=tally
            )
            with self.reporter.watch(f"fetch {plan.source}", tally.all_bytes, tally.came_bytes):
                outcomes = {outcome.name: outcome for outcome in self._together(downloads, plan.wanted)}
        refused = [Outcome(name=name, state=FAILED, reason=reason) for name, reason in plan.refused]
        for outcome in refused:
            self._tell(outcome)
        return [*(outcomes[wanted.name] for wanted in plan.wanted), *refused]

    def sized(self, wanted: Wanted) -> dict[str, Any]:
        """A row of a dry run with the size that the server states, where the listing states none."""
        row = wanted.to_json()
        if row["bytes"] is not None:
            return row
        for url in wanted.urls:
            try:
                size = self.patience.persist(wanted.name, lambda url=url: self.transport.size(url))  # type: ignore[misc]
                return row | {"url": url, "bytes": size}
            except TransferError as error:
                row["reason"] = str(error)
        return row

    def _together(self, downloads: Downloads, files: list[Wanted]) -> Iterator[Outcome]:
        pool = ThreadPoolExecutor(self.parallel, thread_name_prefix="fetch")
        try:
            futures: list[Future[Outcome]] = [pool.submit(downloads.fetch, wanted) for wanted in files]
            for future in as_completed(futures):
                self._tell(future.result())
                yield future.result()
        finally:
            self.stopped.set()  # Only an interrupt or a full disk finds anybody still at work here.
            pool.shutdown(wait=False, cancel_futures=True)

    def _tell(self, outcome: Outcome) -> None:
        if outcome.state == FAILED:
            self.reporter.say(f"{outcome.name}: failed: {outcome.reason}")


@dataclass(frozen=True, slots=True)
class Anywhere:
    """HTTP for web addresses, fsspec for all others."""

    web: Web
    store: Store

    def open(self, url: str, start: int, version: Version) -> Reply:
        """The bytes from `start` on, or from another start."""
        return self._transport(url).open(url, start, version)

    def size(self, url: str) -> int | None:
        """The file's size."""
        return self._transport(url).size(url)

    def _transport(self, url: str) -> Transport:
        return self.web if urlsplit(url).scheme in SCHEMES else self.store


def open_session(
    *,
    to: Path,
    base_url: str,
    parallel: int,
    attempts: int,
    timeout_seconds: float,
    quiet: bool = False,
    store_options: Mapping[str, Any] = MappingProxyType({}),
) -> Session:
    """A session on this machine's clock."""
    stopped, reporter = threading.Event(), Reporter(quiet=quiet)
    clock = WallClock(stopped)
    return Session(
        to=to,
        base_url=check_base(base_url),
        transport=Anywhere(Web(clock, timeout_seconds), Store(dict(store_options))),
        patience=Patience(clock=clock, say=reporter.say, attempts=attempts),
        reporter=reporter,
        stopped=stopped,
        parallel=parallel,
    )


def summary(plan: Plan, outcomes: list[Outcome]) -> dict[str, Any]:
    """What it came to, as `--json` prints it."""
    counts = {state: sum(outcome.state == state for outcome in outcomes) for state in (FETCHED, PRESENT, FAILED)}
    size = sum(outcome.bytes for outcome in outcomes if outcome.state == FETCHED)
    return {"source": plan.source, **counts, "fetched_bytes": size, "files": [asdict(outcome) for outcome in outcomes]}


def finish(plan: Plan, outcomes: list[Outcome], say: Callable[[str], None]) -> None:
    """Tell what it came to; raise FatalError where files are missing."""
    told = summary(plan, outcomes)
    if failed := told[FAILED]:
        raise FatalError(f"fetch {plan.source}: {failed} of {len(outcomes)} files failed; the same command goes on")
    if not told[FETCHED]:
        say(f"nothing to do: all {len(outcomes)} files of {plan.source} are there")
        return
    say(f"fetch {plan.source}: {told[FETCHED]} files fetched, {told[PRESENT]} were there")
