"""`tokenmill-trainer export`, `import` and `generate`: what is done with a model that is trained."""

import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from trainer.errors import SettingsError
from trainer.progress import say

if TYPE_CHECKING:
    from trainer.generate import Drawn, TextGenerator
    from trainer.saved_model import ImportedModel

_DIVIDER = "\n---\n"

_tokenizer = click.option(
    "--tokenizer",
    type=Path,
    help="The model's tokenizer.model; by default the one that lies where a run or an import leaves it.",
)


@click.command("export")
@click.argument("source", type=Path)
@click.argument("target", type=Path)
@click.option(
    "--layout",
    type=click.Choice(["huggingface", "meta"]),
    default="huggingface",
    show_default=True,
    help="transformers' folder, or the one of Meta's release.",
)
@click.option(
    "--precision",
    type=click.Choice(["float32", "bfloat16"]),
    default="float32",
    show_default=True,
    help="float32 loses no bit, bfloat16 takes half the room.",
)
@click.option(
    "--file-bytes",
    type=click.IntRange(min=1),
    default=5_000_000_000,
    show_default=True,
    help="With huggingface: weights go into files of at most this size.",
)
@click.option(
    "--shards",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="With meta: files that share each matrix.",
)
@_tokenizer
def export(
    source: Path, target: Path, layout: str, precision: str, file_bytes: int, shards: int, tokenizer: Path | None
) -> None:
    """Write the model of SOURCE into the new folder TARGET, for other programs.

    \b
    Example: tokenmill-trainer export out/demo/training out/demo-hf
             tokenmill-trainer export out/demo/training/checkpoints/step-00000400 out/demo-half --precision bfloat16
             tokenmill-trainer export out/demo/training out/demo-meta --layout meta --shards 2

    SOURCE is a training's folder, of which the newest checkpoint is taken, or a checkpoint's. The folder for
    HuggingFace loads into transformers and what builds on it, with a tokenizer that gives our ids (docs/models.md).
    """
    import torch

    from trainer.huggingface import export_huggingface
    from trainer.meta_release import export_meta
    from trainer.saved_model import open_model

    model = open_model(source)
    found, dtype = model.tokenizer(tokenizer), getattr(torch, precision)
    if layout == "meta":
        export_meta(model, target, dtype=dtype, shards=shards, tokenizer=found)
    else:
        export_huggingface(model, target, dtype=dtype, file_bytes=file_bytes, tokenizer=found)
    say(f"wrote the model of step {model.step} to {target}, in {precision}, from {model.folder}")
    if found is None:
        say("it has no tokenizer: none lies beside the checkpoint; name it with --tokenizer to have it there")


@click.command("import")
@click.argument("source", type=Path)
@click.argument("target", type=Path)
@click.option(
    "--context",
    "context_tokens",
    type=click.IntRange(min=1),
    default=2048,
    show_default=True,
    help="With Meta's layout, which does not say: tokens of the sequences that the model was trained on.",
)
def import_(source: Path, target: Path, context_tokens: int) -> None:
    """Make a checkpoint, in the new folder TARGET, of the LLaMA model that others left in SOURCE.

    \b
    Example: tokenmill-trainer import out/demo-hf out/again
             tokenmill-trainer import out/demo-meta out/once-more --context 256

    SOURCE is a folder of HuggingFace's layout (config.json) or of Meta's (params.json), with its weights as
    safetensors: a pickle is never read. The checkpoint is of step 0 and has no optimizer's moments; generate, evaluate
    and export take it as they take any other.
    """
    from trainer.saved_model import save_imported

    folder = save_imported(_imported(source, context_tokens), target)
    say(f"wrote {folder}")


@click.command()
@click.argument("source", type=Path)
@click.option("--prompt", "prompts", multiple=True, help="A text to go on with; several may be given.")
@click.option("--prompts", "file", type=click.File(encoding="utf-8"), help="A file with a prompt a line; - reads them.")
@click.option("--max-tokens", type=click.IntRange(min=1), default=128, show_default=True, help="Tokens to each prompt.")
@click.option("--temperature", type=float, default=0.8, show_default=True, help="0 takes the likeliest token.")
@click.option("--top-k", type=int, default=0, show_default=True, help="Draw among the so many likeliest; 0: all.")
@click.option("--top-p", type=float, default=0.95, show_default=True, help="Draw among those that make up this share.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="The same seed, the same texts.")
@click.option("--batch", type=click.IntRange(min=1), default=8, show_default=True, help="Prompts side by side.")
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", show_default=True)
@_tokenizer
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on standard output.")
def generate(
    source: Path,
    prompts: tuple[str, ...],
    file: Iterator[str] | None,
    temperature: float,
    top_k: int,
    top_p: float,
    device: str,
    tokenizer: Path | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Go on with texts, by the model of a training or of a checkpoint.

    \b
    Example: tokenmill-trainer generate out/demo/training --prompt "The coffee"
             tokenmill-trainer generate out/demo/training --prompts prompts.txt --temperature 0 --json

    A single prompt's text appears as it is drawn, several texts one behind another. A text ends where the model ends
    it, after --max-tokens, or with the length of the sequences that the model was trained on.
    """
    import torch

    from trainer.generate import TextGenerator
    from trainer.prepare import device_kind
    from trainer.sampling import Sampling

    asked = [*prompts, *(line.rstrip("\n") for line in file or ())]
    if not asked:
        raise SettingsError("--prompt or --prompts must give a text, an empty one at least")
    sampling = Sampling(temperature=temperature, top_k=top_k, top_p=top_p)
    generator = TextGenerator.open(source, tokenizer, torch.device(device_kind(device)))
    if as_json:
        click.echo(json.dumps({"texts": _drawn(generator, asked, sampling, options)}, ensure_ascii=False))
    elif len(asked) == 1:
        _stream(asked[0], generator.texts(asked, sampling, **options))
    else:
        found = _drawn(generator, asked, sampling, options)
        click.echo(_DIVIDER.join(text["prompt"] + text["text"] for text in found))


def _stream(prompt: str, drawn: "Iterator[Drawn]") -> None:
    """Writes a text as it grows, and how fast it grew."""
    began, count = time.perf_counter(), 0
    sys.stdout.write(prompt)
    for one in drawn:
        sys.stdout.write(one.text)
        sys.stdout.flush()
        count += 1
    sys.stdout.write("\n")
    say(f"{count} tokens, {count / (time.perf_counter() - began):.1f} a second")


def _drawn(generator: "TextGenerator", prompts: list[str], sampling: Any, options: Any) -> list[dict[str, Any]]:
    texts: list[dict[str, Any]] = [{"prompt": prompt, "text": "", "tokens": [], "end": ""} for prompt in prompts]
    for drawn in generator.texts(prompts, sampling, **options):
        text = texts[drawn.prompt]
        text["text"] += drawn.text
        text["tokens"].append(drawn.token)
        text["end"] = drawn.end
    return texts


def _imported(source: Path, context_tokens: int) -> "ImportedModel":
    from trainer.huggingface import import_huggingface
    from trainer.meta_release import import_meta

    if (source / "config.json").exists():
        return import_huggingface(source)
    if (source / "params.json").exists():
        return import_meta(source, context_tokens=context_tokens)
    raise SettingsError(f"{source} holds neither config.json (HuggingFace's layout) nor params.json (Meta's)")
