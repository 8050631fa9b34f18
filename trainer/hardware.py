"""What a measurement was taken on: device, versions, clocks and power, and the code itself."""

import functools
import hashlib
import platform
import shutil
import subprocess
import threading
from pathlib import Path
from statistics import median
from types import TracebackType
from typing import Any, Self

import torch

from tokenmill.version import installed_version

_SMI_SECONDS = 20.0
# What nvidia-smi is asked, and under which name the answer stands here.
_SAMPLED = {
    "clocks.sm": "sm_mhz",
    "clocks.mem": "memory_mhz",
    "power.draw": "watts",
    "temperature.gpu": "celsius",
}


def device_facts(device: torch.device) -> dict[str, Any]:
    """Name, memory and kind of a device; of a GPU also what its driver says of its limits."""
    if device.type != "cuda":
        return {"name": _processor(), "kind": device.type, "threads": torch.get_num_threads()}
    properties = torch.cuda.get_device_properties(device)
    return {
        "name": properties.name,
        "kind": "cuda",
        "memory_bytes": properties.total_memory,
        "capability": f"{properties.major}.{properties.minor}",
        "multiprocessors": properties.multi_processor_count,
        "driver": _asked(device, ["driver_version"]).get("driver_version", "n/a"),
        "limits": {
            key: _number(value)
            for key, value in _asked(device, ["power.limit", "clocks.max.sm", "clocks.max.mem"]).items()
        },
    }


def device_bytes(device: torch.device) -> int | None:
    """All memory of a GPU; None for a CPU, whose memory is shared with all else."""
    return torch.cuda.get_device_properties(device).total_memory if device.type == "cuda" else None


def versions() -> dict[str, str]:
    """Of this package, Python, torch and what it computes with; "n/a" for what is not there."""
    cudnn = torch.backends.cudnn.version() if torch.cuda.is_available() else None  # type: ignore[no-untyped-call]
    return {
        "tokenmill": installed_version(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "cuda": torch.version.cuda or "n/a",
        "cudnn": str(cudnn or "n/a"),
        "triton": _triton(),
    }


@functools.cache
def code_version() -> str:
    """The first twelve digits of a SHA-256 over the trainer's own files: the same for the same code, Git or not."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:12]


class Sampler:
    """Asks nvidia-smi for clocks, power and temperature every few seconds while something runs.

    Where nvidia-smi is missing, or does not answer, there are no samples.
    """

    def __init__(self, device: torch.device, seconds: float = 5.0) -> None:
        self._device, self._seconds = device, seconds
        self._samples: list[dict[str, float]] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="nvidia-smi", daemon=True)

    def __enter__(self) -> Self:
        if self._device.type == "cuda":
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def summary(self) -> dict[str, Any]:
        """Lowest, median and highest of each figure; "n/a" where none was read."""
        found: dict[str, Any] = {"samples": len(self._samples)}
        for name in _SAMPLED.values():
            values = [sample[name] for sample in self._samples if name in sample]
            spread = {"min": min(values), "median": median(values), "max": max(values)} if values else "n/a"
            found[name] = spread
        return found

    def _run(self) -> None:
        while not self._stop.wait(self._seconds):
            answer = {name: _number(value) for name, value in _asked(self._device, list(_SAMPLED)).items()}
            known = {_SAMPLED[key]: value for key, value in answer.items() if isinstance(value, float)}
            if known:
                self._samples.append(known)


def _asked(device: torch.device, keys: list[str]) -> dict[str, str]:
    """nvidia-smi's answer by key, empty where there is none."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return {}
    command = [program, f"--query-gpu={','.join(keys)}", "--format=csv,noheader,nounits", f"--id={_id(device)}"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_SMI_SECONDS, check=True)
    except (OSError, subprocess.SubprocessError):
        return {}
    values = [value.strip() for value in done.stdout.strip().split("\n")[0].split(",")]
    return dict(zip(keys, values, strict=True)) if len(values) == len(keys) else {}


def _id(device: torch.device) -> str:
    """How nvidia-smi calls the device: torch may number the GPUs otherwise."""
    return "GPU-" + str(torch.cuda.get_device_properties(device).uuid).removeprefix("GPU-")


def _number(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return "n/a"


def _triton() -> str:
    try:
        import triton
    except ImportError:
        return "n/a"
    return str(triton.__version__)


def _processor() -> str:
    try:
        known = Path("/proc/cpuinfo").read_text()
    except OSError:
        known = ""
    models = [line.partition(":")[2].strip() for line in known.splitlines() if line.startswith("model name")]
    return models[0] if models else platform.processor() or platform.machine()
