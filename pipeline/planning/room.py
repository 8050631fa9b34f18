"""Where a run would not fit: disks below the output and the scratch folder, and the memory of this machine."""

import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from pipeline.memory import memory_bytes
from pipeline.planning.estimate import Estimate
from pipeline.planning.hot_keys import HotKey
from pipeline.planning.prediction import Prediction
from pipeline.planning.show import size
from pipeline.scratch import scratch_path
from pipeline.stage_names import STEPS
from pipeline.storage import Folder


def disk_warnings(output: Folder, prediction: Prediction) -> Iterator[str]:
    """A line for each disk that has too little room, by the upper end of what is foretold."""
    needs: dict[Path, dict[str, float]] = {}
    scratch = scratch_path(output)
    needs.setdefault(existing(scratch), {})["TMPDIR" if not output.is_local else "logs/work"] = shuffled_at_once(
        prediction
    )
    if output.is_local:
        path = output.local_path()
        left = max(0.0, prediction.output.high - held_bytes(path))
        needs.setdefault(existing(path), {})["--output"] = left
    for path, wanted in by_disk(needs).items():
        free = shutil.disk_usage(path).free
        if sum(wanted.values()) > free:
            parts = " and ".join(f"{name} ({size(need)})" for name, need in wanted.items())
            yield f"the disk of {path} has {size(free)} left, and {parts} may need {size(sum(wanted.values()))}"


def by_disk(needs: Mapping[Path, Mapping[str, float]]) -> dict[Path, dict[str, float]]:
    """What folders of one disk need together, under the first of them."""
    found: dict[int, tuple[Path, dict[str, float]]] = {}
    for path, wanted in needs.items():
        found.setdefault(path.stat().st_dev, (path, {}))[1].update(wanted)
    return dict(found.values())


def existing(path: Path) -> Path:
    """The nearest folder above that is there."""
    return next(folder for folder in (path, *path.parents) if folder.is_dir())


def held_bytes(path: Path) -> int:
    """Bytes of what lies below a folder already."""
    return sum((Path(top) / name).lstat().st_size for top, _, names in os.walk(path) for name in names)


def shuffled_at_once(prediction: Prediction) -> float:
    """Bytes of blocks that lie in files at one time: those of the step that sends most."""
    return max(
        sum(sent.high for (stage, _), sent in prediction.shuffle_bytes.items() if stage in step) for step in STEPS
    )


def memory_warnings(peaks: Mapping[str, Estimate], workers: tuple[int, ...], cores: int) -> Iterator[str]:
    """A line where workers of this machine would need more memory than it has; of others nothing is known."""
    held = memory_bytes()
    if held is None:
        return
    each = max(peaks[part].value for part in ("units", "groups"))
    for count in workers:
        if count <= cores and count * each > held:
            yield (
                f"{count} workers of {size(each)} need {size(count * each)}, and this machine has {size(held)}:"
                f" use --workers {max(1, int(held / each))}"
            )
    if peaks["fits"].value > held:
        yield f"a fit needs {size(peaks['fits'].value)}, and this machine has {size(held)}: see tokenizer.sample_bytes"


def hot_warnings(keys: list[HotKey]) -> Iterator[str]:
    """A line for each key whose group would hold far more than its share."""
    for key in keys:
        if key.is_hot:
            yield (
                f"{key.stage} of {key.source}: {key.shown!r} is in {key.documents} of {key.of_documents} sampled"
                f" documents; its group would be {size(key.key_bytes + key.even_bytes)}, {key.times:.1f} times another"
            )
