"""The drill: a run that is left in peace, then runs that are hurt, each compared with it."""

import itertools
import os
import re
import shutil
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from pipeline.drill.compare import differences, file_digests
from pipeline.drill.hurt import POLL_SECONDS, HurtRun
from pipeline.drill.kills import Landed, Stage, draw
from pipeline.drill.processes import MARK, Driver, Store, end_all, marked, start_driver, told, wait_until
from pipeline.errors import FatalError, SettingError
from pipeline.recipe import Recipe
from pipeline.run import MANIFEST, Run
from pipeline.storage import Folder, digest_of
from pipeline.version import code_digest

RECORD = "logs/drill.json"
"""What a reference's run took, stage by stage, and what it follows from."""
RUN_KILLS = 5
"""Kills a run: several, so that one that has been mended is hurt again; few, so that each run gets to its end."""
VAIN_RUNS = 5
"""After so many runs in a row in which no kill found anything to hit, the drill gives up."""
ORPHAN_SECONDS = 15.0
"""How long processes may outlive a run that has ended."""


@dataclass(slots=True, kw_only=True)
class Drill:
    """What is run, where, and how it is hurt. `words` are the command's but for the output: recipe, options, flags."""

    recipe: Recipe
    words: tuple[tuple[str, ...], tuple[str, ...]]
    output: Folder
    kills: int
    seed: int
    kinds: tuple[str, ...]
    say: Callable[[str], None]
    reference: Folder | None = None
    until: str | None = None
    pattern: re.Pattern[str] | None = None
    store: Store | None = None
    landed: list[Landed] = field(default_factory=list)
    runs: int = 0
    starts: int = 0
    _mark: str = field(default_factory=lambda: uuid.uuid4().hex)
    _work: Path = Path()

    def do(self) -> dict[str, Any]:
        """The whole drill; gives its figures. Raises FatalError at the first difference."""
        with self._surroundings():
            stages = self._stages()
            reference = self.reference or self._folder("reference")
            digests = file_digests(reference)
            self.say(f"reference: {len(digests)} files, {len(stages)} stages in {_total(stages):.0f} s")
            drawn, vain = draw(self.seed, self.kinds, stages), 0
            while len(self.landed) < self.kills:
                before = len(self.landed)
                self._hurt(stages, drawn, digests)
                vain = vain + 1 if len(self.landed) == before else 0
                if vain == VAIN_RUNS:
                    raise FatalError(
                        f"{before} of {self.kills} kills landed; {vain} more runs gave them nothing to hit"
                    )
        return self.figures() | {"files": len(digests), "digest": digest_of(digests)}

    def figures(self) -> dict[str, Any]:
        """What has been done so far."""
        kills = [asdict(landed) for landed in self.landed]
        return {"output": self.output.url, "runs": self.runs, "starts": self.starts, "kills": kills}

    @contextmanager
    def _surroundings(self) -> Iterator[None]:
        """The store, and a folder for what runs say and for their temporary files; nothing is at work behind it."""
        # Not below the output: names of sockets may have a hundred characters and no more.
        self._work = Path(tempfile.mkdtemp(prefix="tokenmill-drill-"))
        try:
            if self.store is not None:
                self.store.log = self._work / "store.log"
                self.store.start()
            yield
        except FatalError as error:
            raise FatalError(f"{error} (what the runs said lies in {self._work})") from error
        except BaseException:
            shutil.rmtree(self._work)
            raise
        else:
            shutil.rmtree(self._work)
        finally:
            end_all(marked(self._mark))
            if self.store is not None:
                self.store.kill()

    def _stages(self) -> list[Stage]:
        """The stages of the reference and what they took; the run is done where it has not been."""
        follows = digest_of([self.recipe.model_dump(mode="json"), code_digest(), self.until])
        folder = self.reference or self._folder("reference")
        held = folder.read_json(RECORD)
        if held is not None and held["follows"] == follows and folder.exists(MANIFEST):
            return [Stage(**stage) for stage in held["stages"]]
        if self.reference is not None:
            raise SettingError(f"--reference {folder.url} is not what a drill with this recipe and code has left")
        folder.delete("")
        stages = self._in_peace(folder)
        folder.write_json(RECORD, {"follows": follows, "stages": [asdict(stage) for stage in stages]})
        return stages

    def _in_peace(self, folder: Folder) -> list[Stage]:
        driver = self._start(folder, "reference")
        while (code := driver.look()) is None:
            time.sleep(POLL_SECONDS)
        if code:
            kind = SettingError if code == 2 else FatalError
            raise kind(f"{driver.last_line.removeprefix('error: ')} (the reference's run, which nothing hurt)")
        times = [*(began for _, began in driver.begun), time.monotonic()]
        return [
            Stage(label, end - began)
            for (label, _), (began, end) in zip(driver.begun, itertools.pairwise(times), strict=True)
        ]

    def _hurt(self, stages: Sequence[Stage], drawn: Iterator[Any], digests: Mapping[str, str]) -> None:
        """One more run, hurt and compared."""
        self.runs += 1
        folder = self._folder("hurt")
        folder.delete("")
        hurt = HurtRun(
            number=self.runs,
            stages=stages,
            start=lambda: self._start(folder, f"hurt-{self.runs}"),
            say=lambda text: self.say(f"run {self.runs}: {text}"),
            pattern=self.pattern,
            store=self.store,
        )
        kills = list(itertools.islice(drawn, min(RUN_KILLS, self.kills - len(self.landed))))
        try:
            hurt.to_its_end(kills)
        finally:
            self.starts += hurt.starts
            self.landed += hurt.landed
        if not wait_until(lambda: not marked(self._mark), ORPHAN_SECONDS):
            raise FatalError(f"run {self.runs} has ended, and {told(marked(self._mark)[0])} is still at work")
        found = list(differences(Run(self.recipe, folder), digests, self._temporary(f"hurt-{self.runs}")))
        if found:
            more = f", and {len(found) - 1} more" if len(found) > 1 else ""
            raise FatalError(f"run {self.runs}, hurt by {len(hurt.landed)} kills, differs: {found[0]}{more}")
        self.say(f"run {self.runs}: hurt by {len(hurt.landed)} kills, started {hurt.starts} times; the same bytes")

    def _start(self, folder: Folder, name: str) -> Driver:
        before, after = self.words
        environment = os.environ | {MARK: self._mark, "TMPDIR": str(self._temporary(name))}
        count = len(list(self._work.glob(f"{name}.*.log")))
        said = self._work / f"{name}.{count + 1}.log"
        command = [sys.executable, "-m", "pipeline.cli", "run", *before, "--output", folder.url, *after]
        return start_driver(command, said, environment)

    def _folder(self, name: str) -> Folder:
        return Folder(self.output.address(name))

    def _temporary(self, name: str) -> Path:
        path = self._work / f"{name}.tmp"
        path.mkdir(exist_ok=True)
        return path


def _total(stages: Sequence[Stage]) -> float:
    return sum(stage.seconds for stage in stages)
