"""`manifest.json`: what a run was made of, and the digest of all that it made.

It is written when a command ends, and removed as soon as one changes anything, so where it lies it is true.
"""

from collections.abc import Iterator
from typing import Any

from pipeline.errors import SettingError
from pipeline.ledger import read_ledger
from pipeline.redact import redacted
from pipeline.run import MANIFEST, Run
from pipeline.stage_names import CLEAN
from pipeline.storage import digest_of
from pipeline.verify_faults import Fault
from pipeline.version import VERSION, code_digest

_TOLD = 20
"""Of so many outputs and inputs it is told one by one that their digest is another."""


def manifest_of(run: Run) -> dict[str, Any]:
    """What the manifest has to say, by the done records."""
    entries = read_ledger(run.output)
    outputs = {name: str(output["digest"]) for entry in entries for name, output in entry.outputs.items()}
    inputs = {name: digest for entry in entries if entry.stage == CLEAN for name, digest in entry.inputs.items()}
    recipe = redacted(run.recipe.model_dump(mode="json", exclude={"inputs": {"root"}}))
    manifest = {
        "version": VERSION,
        "recipe": recipe,
        "recipe_digest": digest_of(recipe),
        "code_digest": code_digest(),
        "inputs": inputs,
        "outputs": outputs,
        "digest": digest_of(outputs),
    }
    return manifest | {"manifest_digest": digest_of(manifest)}


def write_manifest(run: Run) -> None:
    """Write the manifest, unless what lies there says the same."""
    manifest = manifest_of(run)
    if run.output.read_json(MANIFEST) != manifest:
        run.output.write_json(MANIFEST, manifest)


def check_owner(run: Run) -> str | None:
    """What to tell people of a folder that another version has written; None where there is nothing to tell.

    Raises SettingError where a run of another recipe lies there, whose files would have to go.
    """
    try:
        held = run.output.read_json(MANIFEST) or {}
    except RecursionError:
        return None  # `verify` tells of it.
    recipe = held.get("recipe")
    name = recipe.get("name") if isinstance(recipe, dict) else None
    if name not in (None, run.recipe.name):
        held_one = f"--output {run.output.url} holds a run of recipe {name}"
        raise SettingError(f"{held_one}, and this is {run.recipe.name}: name another folder")
    if (version := held.get("version", VERSION)) != VERSION:
        return f"note: {run.output.url} is of Tokenmill {version}, this is {VERSION}: what follows is done anew"
    return None


def manifest_faults(run: Run) -> Iterator[Fault]:
    """Where the manifest contradicts the done records or itself; none where there is no manifest.

    Another recipe or other code than now is no fault: it says which they were, and its own digest holds them.
    """
    if run.output.size(MANIFEST) is None:
        return
    try:
        held = run.output.read_json(MANIFEST)
    except RecursionError:
        held = None
    if held is None:
        yield _fault("it is no JSON object")
        return
    true = manifest_of(run)
    for kind in ("outputs", "inputs"):
        yield from _listed(kind, held.get(kind), true[kind])
    sums = {
        "digest": digest_of(held.get("outputs")),
        "recipe_digest": digest_of(held.get("recipe")),
        "manifest_digest": digest_of({key: value for key, value in held.items() if key != "manifest_digest"}),
    }
    for key, digest in sums.items():
        if held.get(key) != digest:
            yield _fault(f"{key} is {held.get(key)}, that of what it stands for is {digest}")


def _listed(kind: str, held: object, true: dict[str, str]) -> Iterator[Fault]:
    said = held if isinstance(held, dict) else {}
    wrong = [name for name in sorted({*said, *true}) if said.get(name) != true.get(name)]
    for name in wrong[:_TOLD]:
        yield _fault(f"{kind}: {name} is {said.get(name)}, the done records say {true.get(name)}")
    if len(wrong) > _TOLD:
        yield _fault(f"{kind}: {len(wrong) - _TOLD} more differ")


def _fault(detail: str) -> Fault:
    return Fault(name="manifest_differs", where=MANIFEST, detail=detail)
