"""`python -m benchmarks [NAME…]`: one line of JSON a claim on standard output, people's text on standard error."""

import json
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import click

from benchmarks.claims import Claim, DisagreementError, SkippedError
from benchmarks.dump_cost import cost_section
from benchmarks.inputs import Inputs, opened
from benchmarks.page import page
from benchmarks.registry import CLAIMS


@click.command()
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--list", "list_claims", is_flag=True, help="Name the claims, and what each compares.")
@click.option("--table", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Lines of JSON to a page.")
@click.option(
    "--cost", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Lines of JSON to a dump's cost."
)
@click.option("--fraction", type=click.FloatRange(0, 1, min_open=True), default=1.0, help="Part of the text to take.")
@click.option("--seconds", type=click.FloatRange(0), default=10.0, help="About how long to repeat each claim.")
def main(
    names: Sequence[str], list_claims: bool, table: Path | None, cost: Path | None, fraction: float, seconds: float
) -> None:
    """Measure the claims named, or all, each beside its reference in the same run."""
    if list_claims:
        for claim in CLAIMS.values():
            click.echo(f"{claim.name}\t{claim.compares}")
        return
    for lines, text in ((table, page), (cost, cost_section)):
        if lines is not None:
            print_from(lines, text)
            return
    unknown = [name for name in names if name not in CLAIMS]
    if unknown:
        refuse(f"no benchmark {unknown[0]}; there are {', '.join(CLAIMS)}")
    with opened(fraction, seconds) as inputs:
        agreed = [measured(CLAIMS[name], inputs) for name in names or CLAIMS]
    sys.exit(0 if all(agreed) else 1)


def measured(claim: Claim, inputs: Inputs) -> bool:
    """Print the claim's line; False where the two sides disagree."""
    start = time.perf_counter()
    click.echo(f"{claim.name}: {inputs.described} …", err=True)
    try:
        figures = claim.measure(inputs)
    except SkippedError as reason:
        click.echo(f"{claim.name}: skipped, {reason}", err=True)
        return True
    except DisagreementError as error:
        click.echo(f"{claim.name}: no figure, {error}", err=True)
        return False
    click.echo(json.dumps(claim.line(figures, inputs)))
    click.echo(
        f"{claim.name}: {figures.ratio:.3g}x of {figures.reference_is}, {time.perf_counter() - start:.0f} s", err=True
    )
    return True


def print_from(lines: Path, text: Callable[[Iterable[str]], str]) -> None:
    """What Markdown the function makes of a file of JSON lines."""
    try:
        click.echo(text(lines.read_text(encoding="utf-8").splitlines()).rstrip("\n"))
    except ValueError as error:
        refuse(str(error))


def refuse(message: str) -> None:
    """One line, and exit code 2."""
    click.echo(f"error: {message}", err=True)
    sys.exit(2)


if __name__ == "__main__":
    main(prog_name="python -m benchmarks")
