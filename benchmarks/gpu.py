"""`python -m benchmarks.gpu [PART…]`: measures the trainer on this machine's GPU, part by part, unattended.

Each part is a process of its own and ends within nine minutes. What it found is RESULTS/DEVICE/PART.json; a part whose
result is there is passed over, so that a run that was cut off goes on with the same command. RESULTS/README.md shows
all results beside what was predicted.
Exit codes: 0 all parts have a result, 1 one has failed, 2 no GPU, or no such part.
"""

import json
import re
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from benchmarks.gpu_parts import LIMIT_SECONDS, PARTS, Part
from benchmarks.gpu_results import RESULTS, results_page

ROOT = Path(__file__).parent.parent
DONE = ("measured", "refused")
_SHOWN_LINES = 40
_ASK = "import torch; print(torch.cuda.get_device_name(0) if torch.cuda.is_available() else '')"


@click.command()
@click.argument("names", nargs=-1, metavar="[PART]...")
@click.option("--list", "list_parts", is_flag=True, help="Name the parts and their commands; needs no GPU.")
@click.option("--table", is_flag=True, help="Results beside predictions as a page; needs no GPU.")
@click.option("--force", is_flag=True, help="Measure again what has a result.")
@click.option("--results", type=click.Path(file_okay=False, path_type=Path), default=RESULTS, show_default="here")
def main(names: Sequence[str], list_parts: bool, table: bool, force: bool, results: Path) -> None:
    """Measure the parts named, or all, on this machine's GPU."""
    if list_parts:
        for part in PARTS.values():
            click.echo(f"{part.name}\t{part.what}\t{part.command}")
        return
    if table:
        click.echo(results_page(results), nl=False)
        return
    unknown = [name for name in names if name not in PARTS]
    if unknown:
        refuse(f"no part {unknown[0]}; there are {', '.join(PARTS)}")
    device = device_name()
    if not device:
        refuse("no GPU: torch sees none here, and nothing was measured")
    folder = results / re.sub(r"[^a-z0-9]+", "-", device.lower()).strip("-")
    folder.mkdir(parents=True, exist_ok=True)
    succeeded = []
    for name in names or PARTS:
        succeeded.append(has_result(PARTS[name], folder, device, force))
        (results / "README.md").write_text(results_page(results))  # Each time: the run may be cut off.
    sys.exit(0 if all(succeeded) else 1)


def device_name() -> str:
    """Of the first GPU, empty where there is none; asked in another process, which lets go of the GPU."""
    asked = subprocess.run([sys.executable, "-c", _ASK], capture_output=True, text=True, check=False, cwd=ROOT)
    return asked.stdout.strip()


def has_result(part: Part, folder: Path, device: str, force: bool) -> bool:
    """Measures a part unless it has a result; False where it failed."""
    path = folder / f"{part.name}.json"
    if not force and path.exists() and json.loads(path.read_text())["status"] in DONE:
        click.echo(f"{part.name}: has a result", err=True)
        return True
    click.echo(f"{part.name}: {part.command}", err=True)
    began = time.monotonic()
    outcome = run(part)
    seconds = time.monotonic() - began
    click.echo(f"{part.name}: {outcome['status']}, {seconds:.0f} s{_because(outcome)}", err=True)
    result = {"part": part.name, "what": part.what, "command": part.command, "device": device}
    partial = path.with_suffix(".tmp")
    partial.write_text(json.dumps(result | {"seconds": round(seconds, 3)} | outcome, indent=1) + "\n")
    partial.rename(path)
    return bool(outcome["status"] != "failed")


def _because(outcome: dict[str, Any]) -> str:
    return f": {outcome['reason']}" if "reason" in outcome else ""


def run(part: Part, limit: float = LIMIT_SECONDS) -> dict[str, Any]:
    """The part's `status`: measured, with what was `found`; refused (it does not fit the card), skipped or failed, with
    the reason.
    """
    command = [sys.executable, "-m", part.module, *part.options]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=limit, check=False, cwd=ROOT)
    except subprocess.TimeoutExpired as expired:
        return _failed(f"did not end within {limit:.0f} s", expired.stderr or b"")
    said = done.stderr.strip().splitlines()
    if done.returncode == 2:
        return {"status": "refused", "reason": said[-1].removeprefix("error: ") if said else "exit code 2"}
    found = _json_of(done.stdout)
    if done.returncode or found is None:
        return _failed(f"exit code {done.returncode}, {'no' if found is None else 'with'} figures", done.stderr, found)
    if "skipped" in found:
        return {"status": "skipped", "reason": found["skipped"]}
    return {"status": "measured", "found": found}


def _failed(reason: str, said: str | bytes, found: dict[str, Any] | None = None) -> dict[str, Any]:
    text = said.decode(errors="replace") if isinstance(said, bytes) else said
    outcome = {"status": "failed", "reason": reason, "said": text.splitlines()[-_SHOWN_LINES:]}
    return outcome if found is None else outcome | {"found": found}


def _json_of(output: str) -> dict[str, Any] | None:
    """The last line's object: libraries print before it what they like."""
    lines = output.strip().splitlines()
    try:
        found = json.loads(lines[-1]) if lines else None
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def refuse(message: str) -> None:
    """One line, and exit code 2."""
    click.echo(f"error: {message}", err=True)
    sys.exit(2)


if __name__ == "__main__":
    main(prog_name="python -m benchmarks.gpu")
