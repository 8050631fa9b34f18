"""Command `tokenizer-report`: what any SentencePiece model is like, and what it makes of documents."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipeline.errors import SettingError
from pipeline.options import json_option

if TYPE_CHECKING:
    import pyarrow as pa

_COLUMNS = ("source", "language", "text")


@click.command("tokenizer-report")
@click.argument("model")
@click.argument("documents", nargs=-1)
@json_option
def tokenizer_command(model: str, documents: tuple[str, ...], as_json: bool) -> None:
    """Look at any SentencePiece MODEL, alone or by what it makes of DOCUMENTS: Parquet files that a stage has written.

    Says which pieces are longest, whether digits are single, what comes back from ids, which pieces look like junk;
    of documents, bytes a token and the share of byte fallback, by source and language.

    \b
    Example: tokenmill tokenizer-report out/demo/models/tokenizer/tokenizer.model
             tokenmill tokenizer-report mine.model out/demo/documents/clean/wikipedia/*.parquet --json
    """
    from pipeline.report_tokenizer import tokenizer_lines

    report = inspected(model, documents)
    if as_json:
        click.echo(json.dumps(report))
        return
    for line in (*tokenizer_lines(report), *(f"tokenizer: not as LLaMA's: {fault}" for fault in report["faults"])):
        click.echo(line, err=True)


def inspected(model: str, documents: Sequence[str]) -> dict[str, Any]:
    """The report of a model, by path or fsspec address. Raises SettingError where a file is not what it should be."""
    import pyarrow.compute as pc

    from tokenizer.report import Measure, Tokenizer, tokenizer_report

    try:
        tokenizer = Tokenizer(Path(_on_this_machine(model)))
    except (FileNotFoundError, ValueError) as error:
        raise SettingError(f"MODEL must be a SentencePiece model, got {model}: {error}") from error
    measure = Measure(tokenizer)
    sources: dict[str, None] = {}
    for batch in (batch for name in documents for batch in _read(name)):
        for source in batch.column("source").unique().to_pylist():
            held = batch.filter(pc.equal(batch.column("source"), source))
            measure.add(source, held.column("language"), held.column("text"))
            sources[source] = None
    figures = {source: measure.figures(source) | {"held_out": None} for source in sources}
    return tokenizer_report(tokenizer, measure.used if documents else None) | {"given": model, "sources": figures}


def _on_this_machine(model: str) -> str:
    from pipeline.models import external_path

    return external_path(model)


def _read(name: str) -> "Iterator[pa.RecordBatch]":
    import pyarrow as pa

    from pipeline.storage import Folder, read_batches

    folder, _, base = name.rpartition("/")
    try:
        yield from read_batches(Folder(folder or "."), base, columns=_COLUMNS)
    except (FileNotFoundError, pa.ArrowInvalid) as error:
        raise SettingError(f"DOCUMENTS must be Parquet files that a stage has written, got {name}: {error}") from error
