"""A job of Dataflow's looked at and not run: `tokenmill … -- --runner=DataflowRunner --dry_run`.

Nothing is read but the recipe and asked of nobody, so it works without network, rights or inputs: the graph hangs on
the recipe and the stage alone, since workers read the list of units when they run.
"""

from collections.abc import Sequence

from pipeline.corpora.registry import document_stages, has_stage
from pipeline.engine import Engine
from pipeline.engines.dataflow import JobFigures, figures
from pipeline.errors import SettingError
from pipeline.group_stages import GROUP_STAGES
from pipeline.map_stages import MAP_STAGES
from pipeline.models import ALL_MODELS
from pipeline.run import Run
from pipeline.stage_names import STEPS
from pipeline.storage import Folder
from pipeline.tasks import ExchangeWork, Work
from pipeline.work import FitWork, GroupStageWork, MapWork, WorkList

_Works = Work | Sequence[ExchangeWork]


def rehearse(run: Run, engine: Engine, stages: Sequence[str]) -> tuple[str, JobFigures]:
    """Which stages share the first job, and what it is. Raises SettingError where these stages start none."""
    for step in STEPS:
        names = [name for name in step if name in stages]
        works = _works(run, names)
        if works is not None:
            result = engine.run_exchanges(works) if isinstance(works, Sequence) else engine.run(works)
            return ", ".join(names), figures(result.job)
    raise SettingError(f"--dry_run: {', '.join(stages)} of this recipe starts no job")


def _works(run: Run, names: Sequence[str]) -> _Works | None:
    """What the engine does for stages of one step where nothing is done yet, None for what needs no engine."""
    recipe, scratch = run.recipe, Folder(run.output.address("logs/work"))
    models = [model for model in ALL_MODELS if model.stage in names and model.is_trained(recipe)]
    if models and not all(model.reads_counts for model in models):
        return FitWork(run, tuple(model.name for model in models))
    for stage in (name for name in names if name in GROUP_STAGES):
        sources = [source for source in recipe.sources if stage in document_stages(recipe, source)]
        if sources:
            return [
                GroupStageWork(run, stage, source, WorkList(scratch, f"{stage}-{source}.json")) for source in sources
            ]
    maps = any(name in MAP_STAGES and has_stage(recipe, source, name) for name in names for source in recipe.sources)
    return MapWork(run, WorkList(scratch, "units.json")) if maps else None
