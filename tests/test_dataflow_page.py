"""docs/dataflow.md is true as far as it can be held without Google: its commands, its settings, its sums."""

import json
import re
import shlex
import subprocess
import tomllib
from pathlib import Path
from string import Template

import pytest
from click.testing import CliRunner
from offline_dataflow import go_offline

from pipeline.cli import cli
from pipeline.engine import check_flags
from pipeline.engines import dataflow
from pipeline.recipe import Prices

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs/dataflow.md").read_text()
BLOCKS = re.findall(r"```bash\n(.*?)```", PAGE, flags=re.DOTALL)
COMMANDS = [line for block in BLOCKS for line in block.replace("\\\n", " ").splitlines()]
PROCESSORS, MEMORY_GB, DISK_GB = 400, 4, 50 / 4
DISK_GB_HOUR = 0.000054


def filled(text: str) -> str:
    """The text with the page's own names in it."""
    names: dict[str, str] = {}
    for word in shlex.split(BLOCKS[0].replace("export", "")):
        name, _, value = word.partition("=")
        names[name] = Template(value).substitute(names)
    return Template(text).substitute(names)


def run_command(marker: str) -> list[str]:
    """The words of the page's `tokenmill run` with this in it."""
    (found,) = [line for line in COMMANDS if line.startswith("tokenmill run") and marker in line]
    return shlex.split(filled(found))[1:]


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.split("\n")[0][:40])
def test_every_block_is_one_that_a_shell_reads(block):
    assert subprocess.run(["bash", "-n"], input=block, text=True, check=False).returncode == 0
    assert set(re.findall(r"\$(\w+)", block)) <= {"PROJECT", "REGION", "DUMPS", "RUN", "IMAGE", "WORKER"}


def test_a_look_at_the_job_says_what_the_page_says(monkeypatch):
    go_offline(monkeypatch)
    said = CliRunner().invoke(cli, [*run_command("--dry_run"), "--no_auth"], catch_exceptions=False).output
    shown = re.search(r"```text\n(.*?)```", PAGE, flags=re.DOTALL)[1]
    assert re.sub(r"[\d,.]+", "N", said) == re.sub(r"[\d,.]+", "N", shown)


def test_the_run_has_flags_that_beam_knows_and_a_job_could_start_with(monkeypatch):
    monkeypatch.setattr(dataflow, "_check_installed", lambda: None)
    words = run_command("--until verify")
    flags = words[words.index("--") + 1 :]
    check_flags(flags)
    dataflow.check_elsewhere(flags, {"--output": words[words.index("--output") + 1]})
    looked = run_command("--dry_run")
    assert [*flags, "--dry_run"] == looked[looked.index("--") + 1 :]


def test_the_template_is_given_parameters_that_it_has():
    given = re.search(r"--parameters=(\S+)", PAGE)[1]
    described = json.loads((ROOT / "flex-template/metadata.json").read_text())["parameters"]
    names = {word.partition("=")[0] for word in given.split(",")}
    assert {item["name"] for item in described if not item.get("isOptional")} <= names <= {i["name"] for i in described}


def test_what_we_set_is_in_the_table():
    rows = re.findall(r"^\| `(--\w+(?:=[^`]+)?)` \|", PAGE, flags=re.MULTILINE)
    ours = [re.sub(r"(tokenmill=).*", r"\1VERSION", flag) for flag in dataflow.defaults([], 0)]
    assert rows == ours


def measured() -> tuple[float, float]:
    """Processor hours and terabytes of shuffle of a dump, as docs/commoncrawl.md has them from the benchmarks."""
    page = (ROOT / "docs/commoncrawl.md").read_text()
    hours, shuffled = re.search(
        r"processor hours \| ([\d,]+) .*?shuffle \| ([\d.]+) TB", page, flags=re.DOTALL
    ).groups()
    return float(hours.replace(",", "")), float(shuffled)


def test_the_costs_follow_from_what_was_measured_and_from_the_prices():
    prices = Prices(**tomllib.loads(re.search(r"```toml\n(.*?)```", PAGE, flags=re.DOTALL)[1])["prices"])
    hours, shuffled = measured()
    worker_hour = prices.vcpu_hour + MEMORY_GB * prices.memory_gb_hour
    costs = [
        hours * prices.vcpu_hour,
        hours * MEMORY_GB * prices.memory_gb_hour,
        hours * DISK_GB * DISK_GB_HOUR,
        2 * 1000 * shuffled * prices.shuffle_gb,
        10 * 4 / 60 * PROCESSORS * worker_hour,
    ]
    table = re.search(r"<!-- costs.*?-->(.*?)<!-- end", PAGE, flags=re.DOTALL)[1]
    said = [float(row) for row in re.findall(r"\$([\d.]+) \|", table)]
    assert said == [round(cost) if cost >= 1 else round(cost, 2) for cost in [*costs, sum(costs)]]
    assert f"{round(PROCESSORS * worker_hour)} an hour" in PAGE


def test_machines_of_the_costs_are_those_that_we_set():
    ours = dict(flag.split("=", 1) for flag in dataflow.defaults([], 0) if "=" in flag)
    assert ours["--machine_type"].endswith(f"-{PROCESSORS // int(ours['--max_num_workers'])}")
    assert int(ours["--disk_size_gb"]) / 4 == DISK_GB
