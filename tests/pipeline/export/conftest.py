"""A run of which anything can be exported, and how to ask for it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline.export.choices import SOURCES, STREAM
from pipeline.export.formats import Order
from pipeline.export.job import Export
from pipeline.export.links import NAMES
from pipeline.progress import Reporter
from pipeline.run import Run
from pipeline.storage import Folder

Exporter = Callable[..., Export]


@pytest.fixture
def exporter(finished_token_run: Any, tmp_path: Path) -> Exporter:
    """`exporter("mds", to=…)`: the export of a finished run, ready to be brought up to date."""

    def made(form: str, *, of: str = "", root: Path | None = None, to: str = "to", **order: Any) -> Export:
        chosen = of or (SOURCES if form in NAMES else STREAM)
        run = Run(finished_token_run.recipe, Folder(str(root or finished_token_run.root)))
        target = Folder(to if "://" in to else str(tmp_path / to))
        return Export(run, Order(form=form, of=chosen, **order), target, Reporter(quiet=True))

    return made
