"""What is done once all units are: findings of `decontaminate`, then verify, train, report."""

from collections.abc import Callable, Sequence

from pipeline.corpora.registry import chains
from pipeline.decontaminate import write_findings
from pipeline.engine import Engine
from pipeline.errors import FatalError
from pipeline.ledger import WHOLE_RUN, Tally, read_ledger
from pipeline.progress import Reporter
from pipeline.report import NAME as PAGE
from pipeline.report import write_report
from pipeline.run import Run
from pipeline.stage_names import DECONTAMINATE, REPORT, TRAIN, VERIFY
from pipeline.storage import digest_of
from pipeline.training import check_training, train
from pipeline.verify import verify


def finish_steps(run: Run, reporter: Reporter, names: Sequence[str], engine: Engine) -> list[str]:
    """Bring what those that are named leave behind up to date; gives those that did something."""
    steps: dict[str, Callable[[Run, Reporter], bool]] = {
        DECONTAMINATE: write_findings,
        VERIFY: lambda run, reporter: verify(run, lambda work: engine.run_exchanges([work]), reporter),
        TRAIN: train,
        REPORT: _report,
    }
    return [name for name, step in steps.items() if name in names and step(run, reporter)]


def check_finish(names: Sequence[str]) -> None:
    """Raise SettingError where a stage needs what is not installed, before any work."""
    if TRAIN in names:
        check_training()


def _report(run: Run, reporter: Reporter) -> bool:
    entries = [entry.to_json() for entry in read_ledger(run.output) if entry.stage != REPORT]
    if not entries:
        raise FatalError(
            f"stage report needs something to tell of, and {run.output.url} has none: run `tokenmill run` first"
        )
    inputs = {"ledger": digest_of(entries)}
    key = run.key(REPORT, WHOLE_RUN, "report", run.recipe.model_dump(mode="json"), inputs)
    if run.current(REPORT, WHOLE_RUN, "report", key):
        return False
    reporter.begins(REPORT)
    written = write_report(run.output, run.recipe, chains(run.recipe))
    run.record(Tally().entry(REPORT, WHOLE_RUN, "report", key, inputs, {PAGE: written}))
    reporter.say(f"  report: {run.output.address(PAGE)}")
    return True
