"""The formats that `export` knows, and what each is made of: source shards, the stream, or either."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from pipeline.errors import SettingError
from pipeline.export.choices import SOURCES, STREAM
from pipeline.export.layout import Layout
from pipeline.export.links import NAMES, link_plan
from pipeline.export.litdata import Litdata
from pipeline.export.llmc import LlmC, NanoGpt
from pipeline.export.mds import Mds
from pipeline.export.parquet import document_plan, sequence_plan
from pipeline.export.pieces import Plan, layout_plan
from pipeline.export.runs import SourceRun, SourceShard, TokenRun, source_shards, stream_run
from pipeline.run import Run
from pipeline.storage import Folder, digest_of

LAYOUTS: Mapping[str, Callable[[TokenRun], Layout]] = {
    "nanogpt": lambda run: NanoGpt(dtype=run.dtype),
    "llm.c": lambda run: LlmC(dtype=run.dtype),
    "litdata": lambda run: Litdata(dtype=run.dtype),
    "mds": lambda run: Mds(sequence_tokens=run.sequence_tokens),
}
CONTINUOUS = ("nanogpt", "llm.c")
"""Formats that know no sequences."""
PARQUET = "parquet"


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is asked for: a format, of what, in files of which size; `split` and `positions` are the stream's."""

    form: str
    of: str
    split: str = "train"
    positions: tuple[int | None, int | None] = (None, None)
    file_bytes: int = 1 << 28

    def __post_init__(self) -> None:
        if self.of == STREAM and self.form in NAMES:
            raise SettingError(f"--format {self.form} reads token shards as they lie: export it --of sources")
        if self.of == SOURCES and self.positions != (None, None):
            raise SettingError("--positions are of the stream: leave them out, or export --of stream")

    @property
    def name(self) -> str:
        """Tells this export from others in the same folder."""
        return f"{self.form}-{self.split if self.of == STREAM else SOURCES}"


def plan_export(run: Run, order: Order) -> tuple[Plan, str]:
    """The files of an export, and a digest of all that they follow from. Raises SettingError or FatalError."""
    if order.of == STREAM:
        stream = stream_run(run.output, order.split, order.positions)
        if order.form not in CONTINUOUS:
            stream.check_one_length(order.form)
        if order.form == PARQUET:
            plan = sequence_plan(stream, stream.first, order.file_bytes)
        else:
            plan = layout_plan([stream], LAYOUTS[order.form], order.file_bytes)
        return plan, _key(order, [stream])
    tokens = Folder(run.output.address("tokens"))
    shards = source_shards(tokens, run.recipe.sources)
    runs = [source_run(run, tokens, shards, source) for source in dict.fromkeys(shard.source for shard in shards)]
    if order.form in NAMES:
        return link_plan(tokens, shards, order.form), _key(order, runs)
    if order.form == PARQUET:
        return document_plan(tokens, shards), _key(order, runs)
    return layout_plan(runs, LAYOUTS[order.form], order.file_bytes), _key(order, runs)


def source_run(run: Run, tokens: Folder, shards: Sequence[SourceShard], source: str) -> SourceRun:
    """The shards of one source, end to end."""
    own = [shard for shard in shards if shard.source == source]
    return SourceRun(split=source, sequence_tokens=run.recipe.mixture.sequence_tokens, folder=tokens, shards=own)


def _key(order: Order, runs: Sequence[TokenRun]) -> str:
    inputs = [[run.split, run.digest, run.dtype.name, run.sequence_tokens] for run in runs]
    return digest_of([order.form, order.of, order.file_bytes, inputs])
