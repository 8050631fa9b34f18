"""The parts of a measurement on a GPU: each a process of its own that ends within nine minutes."""

from dataclasses import dataclass

LIMIT_SECONDS = 540.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One command that prints a JSON object; `module` and `options` are what follows `python -m`."""

    name: str
    what: str
    module: str
    options: tuple[str, ...]

    @property
    def command(self) -> str:
        """As one would type it."""
        return " ".join(("python", "-m", self.module, *self.options))


def _bench(name: str, what: str, preset: str, *settings: str, tokens: int = 2048, batch: int = 524_288) -> Part:
    sets = tuple(word for setting in settings for word in ("--set", setting))
    sizes = ("--sequence-tokens", str(tokens), "--batch-tokens", str(batch), "--seconds", "300")
    return Part(
        name=name, what=what, module="trainer", options=("bench", "--preset", preset, *sizes, "--device", "cuda", *sets)
    )


def _baseline(name: str, what: str, preset: str, *options: str) -> Part:
    sizes = ("--sequence-tokens", "2048", "--batch-tokens", "524288", "--seconds", "240")
    return Part(name=name, what=what, module="benchmarks.gpu_baseline", options=("--preset", preset, *sizes, *options))


# Micro-batches are what the planner finds room for. At 6.7B the outputs of products are kept and the rest computed
# again, as the paper does: four sequences go together on an H200 then, and products are large enough.
KEEP = "activations=keep-linear"
# Both slices alike, so that they differ by two layers and nothing else.
SLICE = (KEEP, "micro_batch_sequences=4")
PARTS: dict[str, Part] = {
    part.name: part
    for part in (
        Part(name="tests", what="the tests that need a GPU", module="benchmarks.gpu_checks", options=()),
        Part(
            name="probe",
            what="products, attention by backend, the update, the loss and a copy, each alone",
            module="benchmarks.gpu_kernels",
            options=("--preset", "7b", "--tokens", "8192"),
        ),
        _bench("1.3b", "1.3B, bfloat16, AdamW in float32", "1.3b"),
        _bench("6.7b", "6.7B, bfloat16, AdamW in float32", "7b", KEEP),
        _baseline("baseline-1.3b", "transformers' Llama, SDPA, torch.compile", "1.3b"),
        _baseline("baseline-1.3b-liger", "the same with Liger's kernels", "1.3b", "--liger"),
        _baseline("baseline-6.7b", "transformers' Llama, SDPA, torch.compile", "7b"),
        _baseline("baseline-6.7b-liger", "the same with Liger's kernels", "7b", "--liger"),
        _bench("float8", "6.7B with products in float8", "7b", KEEP, "precision=float8"),
        _bench("float8-1.3b", "1.3B with products in float8", "1.3b", "precision=float8"),
        _bench("65b-slice", "four layers of 65B's width", "65b", *SLICE, "layers=4", batch=131_072),
        _bench(
            "65b-slice-2", "two layers of 65B's width, to extrapolate from", "65b", *SLICE, "layers=2", batch=131_072
        ),
        _bench("6.7b-4096", "6.7B, sequences of 4,096", "7b", KEEP, tokens=4096),
        _bench("6.7b-1024", "6.7B, sequences of 1,024", "7b", KEEP, tokens=1024),
    )
}
