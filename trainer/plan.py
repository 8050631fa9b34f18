"""The plan of a run's memory: what each policy for activations would take of a GPU, and what will be done."""

from dataclasses import asdict
from typing import Any, get_args

from trainer.config import Activations
from trainer.memory import GIB, SLACK, Job, Memory, choose_micro_batch, largest_that_fits, memory_of
from trainer.model import count_parameters
from trainer.tables import text_table

_COLUMNS = ("weights", "remainder", "moments", "gradients", "gathered", "activations", "rest", "total")


def plan(job: Job, device_bytes: int) -> dict[str, Any]:
    """Bytes by policy, each with the largest micro-batch that fits (of one sequence where none does), and the pick.

    Raises SettingsError where the settings' own policy does not fit.
    """
    return {
        "parameters": count_parameters(job.config, job.vocabulary_size),
        "gpus": job.gpus,
        "shards": job.shards,
        "replicas": job.config.replicas,
        "tensor_parallel": job.config.tensor_parallel,
        "device_bytes": device_bytes,
        "sequence_tokens": job.sequence_tokens,
        "sequences_per_gpu": job.sequences,
        "policies": {policy: _of_policy(job, policy, device_bytes) for policy in get_args(Activations)},
        "activations": job.config.activations,
        "micro_batch_sequences": choose_micro_batch(job, device_bytes),
    }


def _of_policy(job: Job, policy: Activations, device_bytes: int) -> dict[str, Any]:
    compiled = job.config.compile != "off"
    count = largest_that_fits(job, device_bytes, policy, compiled=compiled)
    memory = memory_of(job, count or 1, policy, compiled=compiled)
    return {"micro_batch_sequences": count, "bytes": _by_part(memory)}


def _by_part(memory: Memory) -> dict[str, int]:
    return asdict(memory) | {"total": memory.total}


def plan_table(found: dict[str, Any]) -> str:
    """The plan as text, in GiB."""
    rows = [
        (
            policy,
            "none fits" if of_policy["micro_batch_sequences"] is None else of_policy["micro_batch_sequences"],
            *(f"{of_policy['bytes'][column] / GIB:.1f}" for column in _COLUMNS),
        )
        for policy, of_policy in found["policies"].items()
    ]
    usable = found["device_bytes"] * (1 - SLACK)
    lines = [
        f"{found['parameters']:,} parameters on {found['gpus']} GPU{'s' if found['gpus'] > 1 else ''}: "
        f"{found['replicas']} replicas x {found['shards']} shards x {found['tensor_parallel']} tensor parallel",
        f"GiB of each GPU, of which {usable / GIB:.1f} of {found['device_bytes'] / GIB:.1f} may be used",
        "",
        text_table(("activations", "micro-batch", *_COLUMNS), rows),
        "",
        f'picked: activations = "{found["activations"]}", micro_batch_sequences = {found["micro_batch_sequences"]} '
        f"({found['micro_batch_sequences'] * found['sequence_tokens']:,} tokens), "
        f"{-(-found['sequences_per_gpu'] // found['micro_batch_sequences'])} of them a step",
    ]
    return "\n".join(lines)
