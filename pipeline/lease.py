"""One run at a time in a folder elsewhere, where no file can be locked: a run says that it is there, then looks around.

Each run has a file of its own in a folder; who finds itself alone there after it has written holds the folder. Of two
that come at once each sees the other, and both step back for a moment. That asks nothing of a store but that a listing
shows what was written, which S3, Google, Azure and HDFS all promise, while not all can write on a condition.

A run that holds the folder writes its file again every few seconds, with another number in it. By that it is seen to be
alive: where the number stays the same for a minute, by the clock of the run that looks on, the file is removed and the
folder taken over. No time of day is compared, so clocks may jump. That a run was killed on this very machine is seen at
once. One that was taken for dead notices when it next writes, and ends.
"""

import json
import logging
import os
import random
import signal
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipeline.errors import FatalError, SettingError
from pipeline.remote import RemotePath
from pipeline.retries import BRIEF

RENEWED_SECONDS = 10.0
STALE_SECONDS = 60.0
"""As long as a store may be out of reach, or a machine busy, before others think that the run is dead."""
_LOOK_SECONDS = 1.0

_log = logging.getLogger(__name__)


@contextmanager
def leased(address: str, option: str, say: Callable[[str], None]) -> Iterator[None]:
    """Hold the folder of leases at the address, below what `option` names.

    Raises SettingError where nothing can be written there, or another run is at work; FatalError where another run
    took over meanwhile.
    """
    lease = Lease(address)
    try:
        lease.take(say)
    except FatalError as error:  # Nothing has been done yet, so it is the setting that is wrong.
        raise SettingError(f"{option}: {error}") from error
    except FileNotFoundError as error:
        raise SettingError(f"{option}: {address}: there is no such bucket: {error}") from error
    renewer = threading.Thread(target=lease.keep, daemon=True, name="lease")
    renewer.start()
    try:
        yield
    except KeyboardInterrupt:
        if lease.lost:
            raise FatalError(lease.lost) from None
        raise
    finally:
        lease.done.set()
        renewer.join(STALE_SECONDS)
        with suppress(FatalError):  # The work is done; a file that stays is found to be stale.
            lease.own.remove()


@dataclass(slots=True)
class Lease:
    """The file of this run, below the folder of all that want to be there."""

    address: str
    token: str = field(default_factory=lambda: uuid.uuid4().hex)
    renewals: int = 0
    over: list[str] = field(default_factory=list)
    """The runs that we took for dead: one that lives after all, and writes once more, reads here that it is out."""
    lost: str = ""
    """Why the folder is no longer ours, once it is not."""
    done: threading.Event = field(default_factory=threading.Event)

    @property
    def own(self) -> RemotePath:
        """Our file."""
        return RemotePath(f"{self.address}/{self.token}.json", BRIEF)

    def take(self, say: Callable[[str], None]) -> None:
        """Come to hold the folder. Raises SettingError where another run is at work there."""
        self._try_to_write()
        while True:
            for name in self.others():
                self._outlive(name, say)
            self._write()
            if not self.others():
                return
            self.own.remove()  # Somebody came at the same moment, and sees us: not both may stay.
            time.sleep(random.Random(self.token + str(self.renewals)).random() * _LOOK_SECONDS)

    def keep(self) -> None:
        """Write our file again and again, until `done`; interrupts the main thread where the folder has been lost."""
        while not self.done.wait(RENEWED_SECONDS):
            try:
                if not (who := self._successor()):
                    self._write()
                    continue
            except FatalError as error:  # As long as nobody reaches the store, nobody takes over.
                _log.warning("the lease could not be renewed: %s", error)
                continue
            self.lost = f"{self.address}: {who} took this run for dead, and works there now; this one ends"
            _log.error(self.lost)
            os.kill(os.getpid(), signal.SIGINT)  # Heard in the main thread, whatever it waits for.
            return

    def _successor(self) -> str:
        """Who took the folder over from us; empty as long as it is ours."""
        names = self._names()
        holders = [holder for name in names if (holder := self._holder(name)) and self.token in holder.get("over", ())]
        if holders:
            return _named(holders[0])
        return "" if f"{self.token}.json" in names else "another run"

    def others(self) -> list[str]:
        """Names of the files of other runs."""
        return [name for name in self._names() if name != f"{self.token}.json"]

    def _names(self) -> list[str]:
        return sorted(name for name in RemotePath(self.address, BRIEF).listing() if name.endswith(".json"))

    def _write(self) -> None:
        self.renewals += 1
        self.own.write(json.dumps(_this_process() | {"renewals": self.renewals, "over": self.over}).encode())

    def _try_to_write(self) -> None:
        """Write and remove a file: who may not do both is to hear of it before any work."""
        probe = RemotePath(f"{self.address}/{self.token}.probe", BRIEF)
        probe.write(b"may this run write here, and delete?")
        probe.remove()

    def _holder(self, name: str) -> dict[str, Any] | None:
        """What another run says of itself; None where its file is gone."""
        try:
            return dict(json.loads(RemotePath(f"{self.address}/{name}", BRIEF).read()))
        except FileNotFoundError:
            return None
        except ValueError:  # Cut short on a store where a file does not appear whole.
            return {}

    def _outlive(self, name: str, say: Callable[[str], None]) -> None:
        """Return once another run's file is gone: a dead one's is removed. Raises SettingError where it lives."""
        first = self._holder(name)
        if first is None:
            return
        if not _is_dead(first):
            say(f"  {self.address}: {_named(first)} was at work there; looking whether it still is")
            for _ in range(round(STALE_SECONDS / _LOOK_SECONDS)):  # Counted: who was held up itself looks again.
                time.sleep(_LOOK_SECONDS)
                if (now := self._holder(name)) is None:
                    return
                if now.get("renewals") != first.get("renewals"):
                    raise SettingError(f"{self.address}: another run is at work there: {_named(first)}")
        self.over.append(name.removesuffix(".json"))
        RemotePath(f"{self.address}/{name}", BRIEF).remove()


def _this_process() -> dict[str, Any]:
    """Who we are: for people, and so that another run on this machine can see whether we live."""
    since = time.strftime("%Y-%m-%d %H:%M:%S %z")
    return {
        "host": socket.gethostname(),
        "process": os.getpid(),
        "written": since,
        "machine": _machine(),
        "born": _born(os.getpid()),
    }


def _named(holder: dict[str, Any]) -> str:
    return f"process {holder.get('process')} on {holder.get('host')} (last heard of at {holder.get('written')})"


def _is_dead(holder: dict[str, Any]) -> bool:
    """Whether it ran on this machine, and runs no more."""
    here = _machine()
    return bool(here) and holder.get("machine") == here and _born(int(holder["process"])) != holder.get("born")


def _machine() -> str:
    """This machine since it was started, as far as its process numbers go; empty where the system does not tell."""
    try:
        return f"{Path('/proc/sys/kernel/random/boot_id').read_text().strip()} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return ""


def _born(process: int) -> str:
    """When a process began, in the system's own count; empty where there is none. Numbers are used again."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] in ("Z", "X") else fields[19]
