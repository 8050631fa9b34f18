"""`tokenmill explain RECIPE --output DIR …`: what a token, a document or a training step is made of."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from pipeline.errors import SettingError
from pipeline.options import folder_option, json_option, recipe_argument, set_option

if TYPE_CHECKING:
    from pipeline.explain import Explainer

_SHARD_TOKEN = re.compile(r"([^/]+)/(.+):(\d+)")
_STEPS = re.compile(r"(\d+)(?::(\d+))?")


@click.command()
@recipe_argument
@folder_option("--output", required=True, help="Folder or fsspec address that the run wrote to.")
@click.option("--position", type=click.IntRange(min=0), help="A sequence of the stream, from 0.")
@click.option("--step", metavar="STEP[:LAST]", help="One training step or several, from 1 as in metrics.jsonl.")
@click.option("--sequence", type=click.IntRange(min=0), help="With --step: a sequence of its batch, from 0.")
@click.option("--token", type=click.IntRange(min=0), help="With a sequence: a token in it, from 0.")
@click.option("--shard-token", metavar="SOURCE/SHARD:TOKEN", help="A token of a token shard, from 0.")
@click.option("--document", metavar="NAME", help="A document's doc_id, origin or address (url).")
@set_option
@json_option
def explain(recipe: str, output: str, overrides: tuple[str, ...], as_json: bool, **asked: Any) -> None:
    """Say which document and raw record a token is of, and which training steps read a document.

    \b
    Example: tokenmill explain demo --output out/demo --position 7
             tokenmill explain demo --output out/demo --position 7 --token 12
             tokenmill explain demo --output out/demo --step 3 --sequence 1 --token 12
             tokenmill explain demo --output out/demo --step 3:5
             tokenmill explain demo --output out/demo --shard-token c4/c4-train.00000-of-00004.json.gz-00000:99
             tokenmill explain demo --output out/demo --document "books/tei/reader-6.xml#book"

    A step is counted as in training/metrics.jsonl: step 1 reads the first trainer.batch_sequences positions. Of a
    sequence every document is named, with its tokens; of a token the text around it, the raw record that it came of,
    and all positions of its document; of a document each stage that it went through, up to the one that rejected it.
    """
    from pipeline.explain import Explainer
    from pipeline.recipe_file import load_recipe
    from pipeline.run import Run, check_addresses
    from pipeline.storage import Folder

    run = Run(load_recipe(recipe, overrides), Folder(output))
    check_addresses(run)
    answers = _answers(Explainer(run), **asked)
    if as_json:
        click.echo(json.dumps({"answers": list(answers)}, ensure_ascii=False))
        return
    for answer in answers:
        for line in _said(answer):
            click.echo(line)


def _answers(
    explainer: "Explainer",
    position: int | None,
    step: str | None,
    sequence: int | None,
    token: int | None,
    shard_token: str | None,
    document: str | None,
) -> Iterator[dict[str, Any]]:
    ways = {"--position": position, "--step": step, "--shard-token": shard_token, "--document": document}
    given = [name for name, value in ways.items() if value is not None]
    if len(given) != 1:
        raise SettingError(f"give one of {', '.join(ways)}, got {' and '.join(given) or 'none'}")
    if sequence is not None and step is None:
        raise SettingError("--sequence counts within a training step: give --step as well")
    if document is not None:
        return iter(explainer.documents(document.strip()))
    if shard_token is not None:
        return iter([explainer.shard_token(*_parsed_token(shard_token))])
    if step is not None:
        first, last = _parsed_steps(step)
        if sequence is None and token is None:
            return explainer.steps(first, last)
        position = _position_in(explainer, first, last, sequence)
    assert position is not None  # it is the only way left
    return iter([explainer.sequence(position) if token is None else explainer.stream_token(position, token)])


def _parsed_token(text: str) -> tuple[str, str, int]:
    found = _SHARD_TOKEN.fullmatch(text)
    if found is None:
        raise SettingError(f"--shard-token must be SOURCE/SHARD:TOKEN, got {text!r}")
    return found[1], found[2], int(found[3])


def _parsed_steps(text: str) -> tuple[int, int]:
    found = _STEPS.fullmatch(text)
    if found is None:
        raise SettingError(f"--step must be STEP or FIRST:LAST, got {text!r}")
    return int(found[1]), int(found[2] or found[1])


def _position_in(explainer: "Explainer", first: int, last: int, sequence: int | None) -> int:
    batch = explainer.stream.batch_sequences
    if sequence is None or first != last:
        raise SettingError("--token counts within a sequence: give one --step, and --sequence")
    if sequence >= batch:
        raise SettingError(f"--sequence must be below trainer.batch_sequences = {batch}, got {sequence}")
    if first < 1:
        raise SettingError(f"--step must be at least 1, got {first}")
    return (first - 1) * batch + sequence


def _said(answer: Mapping[str, Any]) -> Iterator[str]:
    """An answer in lines, for people."""
    if "position" in answer:
        yield _where(answer) + (f", {answer['source']}" if "source" in answer else "")
    for document in answer.get("documents", ()):
        place = f"{document['shard']}:{document['first']}"
        yield f"  {document['tokens']:,} tokens of {document['doc_id']} ({document['origin']}), epoch"
        yield f"    {document['epoch']}, from {place}"
    if "piece" in answer:
        text = answer["text"]
        yield f"  token {answer['id']} {answer['piece']!r}, {answer['shard']}:{answer['shard_token']}"
        yield f"  …{text['before']}»{text['at']}«{text['after']}…".replace("\n", "\\n")
        yield f"  of document {answer['doc_id']} ({answer['origin']})"
    if "stages" in answer:
        yield f"{answer['doc_id']} ({answer['origin']})" + (f", {answer['url']}" if answer["url"] else "")
        yield from ("  " + _stage(stage) for stage in answer["stages"])
        if answer["taken_down"]:
            yield "  it has been taken down: its tokens are UNK"
    if "raw" in answer:
        yield from _raw(answer["raw"])
    places = [answer["document"]] if "document" in answer else answer.get("tokens", ())
    for place in places:
        yield f"  its tokens are {place['shard']}:{place['start']} … {place['end']}"
        yield from (
            f"    epoch {each['epoch']}: {each['tokens']} of them in {_where(each)}" for each in place["stream"]
        )
        if not place["stream"]:
            yield "    none of them is in the stream"


def _where(place: Mapping[str, Any]) -> str:
    state = "skipped" if place["skipped"] else "done" if place["done"] else "not done"
    return f"position {place['position']:,} (step {place['step']:,}, sequence {place['sequence']}, {state})"


def _stage(stage: Mapping[str, Any]) -> str:
    if stage["kept"]:
        return f"{stage['stage']}: kept"
    if "reason" in stage:
        return f"{stage['stage']}: rejected by {stage['filter']}: {stage['reason']}"
    counts = ", ".join(f"{name} {count}" for name, count in stage["reasons_of_the_unit"].items()) or "none"
    return f"{stage['stage']}: not kept; rejected documents are not kept either. Reasons in its unit: {counts}"


def _raw(raw: Mapping[str, Any]) -> Sequence[str]:
    where = f"  raw record: {raw['key']} in {raw['file']}"
    if "missing" in raw:
        return [f"{where}; {raw['missing']}"]
    return [where, *(f"    | {line}" for line in raw["begins"].splitlines()[:8])]
