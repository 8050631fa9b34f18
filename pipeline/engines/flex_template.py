"""What Dataflow's Flex Template runs: the template's parameters as our command line, in a job that starts the others.

A template's launch gives the service one job graph, and ends; a run is several jobs with work of its own in between. So
the graph is one step on one small worker, which runs `tokenmill`, and that starts the jobs of the stages. If its
machine dies, Dataflow does the step again, and the run goes on from what is done.
"""

import argparse
import logging
import shlex
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions

from pipeline.engines.dataflow import RUNNER, check, check_elsewhere, defaults, spelled
from pipeline.errors import FatalError, SettingError
from pipeline.recipe_file import load_recipe
from pipeline.redact import redact

OF_THE_DRIVER = ("--template_location", "--job_name", "--runner", "--dry_run")
"""What the launcher says of the job that it starts, and of no other."""
_DRIVER = ("--num_workers=1", "--max_num_workers=1", "--machine_type=e2-standard-2", "--disk_size_gb=50")
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Launch:
    """A launch: our command line, and the Beam flags of the job that runs it."""

    arguments: tuple[str, ...]
    driver: tuple[str, ...]


def parameters() -> argparse.ArgumentParser:
    """The template's parameters, as the launcher passes them: `flex-template/metadata.json` describes the same."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--command", default="run")
    parser.add_argument("--until", default="verify")
    parser.add_argument("--recipe", required=True)
    parser.add_argument("--inputs", required=True)
    parser.add_argument("--output", required=True)
    parser.add_argument("--set", default="")
    parser.add_argument("--beam_flags", default="")
    return parser


def launch(given: Sequence[str]) -> Launch:
    """What a launch with these parameters runs. Raises SettingError for what a run would refuse, before any job."""
    ours, theirs = parameters().parse_known_args(list(given))
    flags = spelled(_assigned(theirs))
    shared = [flag for flag in flags if flag.partition("=")[0] not in OF_THE_DRIVER]
    jobs = [*shared, *shlex.split(ours.beam_flags)]
    jobs.insert(0, f"--runner={RUNNER}")
    check(jobs)
    check_elsewhere(jobs, {"--output": ours.output, "inputs": ours.inputs})
    overrides = [f"inputs.root={ours.inputs}", *shlex.split(ours.set)]
    load_recipe(ours.recipe, overrides)
    settings = [word for override in overrides for word in ("--set", override)]
    until = ["--until", ours.until] if ours.command == "run" else []
    words = [ours.command, ours.recipe, "--output", ours.output, *until, *settings]
    arguments = [*words, "--", *jobs]
    # The launcher's own flags hold for the jobs that do the work; the one that starts them needs one small machine.
    driver = [*flags, f"--runner={RUNNER}", *_DRIVER]
    return Launch(tuple(arguments), (*defaults(driver, 0), *driver))


def _assigned(flags: Sequence[str]) -> list[str]:
    """`--name value` as `--name=value`, so that a flag is one word."""
    joined: list[str] = []
    for flag in flags:
        if flag.startswith("--") or not joined:
            joined.append(flag)
        else:
            joined[-1] += f"={flag}"
    return joined


def drive(arguments: Sequence[str]) -> None:
    """Run the command line; what it says goes to the job's log. Raises FatalError with its last line where it fails."""
    command = [sys.executable, "-m", "pipeline.cli", *arguments]
    last = ""
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        for line in process.stdout or ():
            last = line.strip() or last
            _log.info("%s", last)
    if process.returncode:
        raise FatalError(last.removeprefix("error: "))


def build(pipeline: beam.Pipeline, arguments: Sequence[str]) -> None:
    """One step: the command line."""
    _ = pipeline | "start" >> beam.Create([list(arguments)], reshuffle=False) | "tokenmill" >> beam.Map(drive)


def main(given: Sequence[str] | None = None) -> None:
    """Build the job, which the launcher hands to the service; exit 2 with one line where a setting is wrong."""
    try:
        found = launch(sys.argv[1:] if given is None else given)
    except SettingError as error:
        sys.stderr.write(f"error: {redact(str(error))}\n")
        sys.exit(2)
    with beam.Pipeline(options=PipelineOptions([*found.driver])) as pipeline:
        build(pipeline, found.arguments)
