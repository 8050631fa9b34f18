"""The models of a run: trained from its own documents, or taken from where the recipe says."""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa

from filters.language_model import check_language_model
from filters.load_once import load_once
from pipeline import stage_names
from pipeline.ccnet_models import check_ccnet_models
from pipeline.errors import SettingError
from pipeline.evaluation_sets import check_sets
from pipeline.faults import writing
from pipeline.fit_contamination import PASSAGES, fit_contamination, set_of_files
from pipeline.fit_cutoffs import fit_cutoffs
from pipeline.fit_language import fit_language
from pipeline.fit_language_model import find_build_binary, fit_language_model
from pipeline.fit_reference import fit_reference
from pipeline.fit_threshold import fit_threshold
from pipeline.fit_tokenizer import fit_tokenizer
from pipeline.ledger import WHOLE_RUN, LedgerEntry, Tally, as_made
from pipeline.recipe import Recipe
from pipeline.redact import redact
from pipeline.report_tokenizer import tokenizer_lines
from pipeline.run import Run, external_digest, on_this_machine
from pipeline.section import Section
from pipeline.stage_names import SAMPLE_TOKENIZER
from pipeline.storage import Folder, digest_of
from pipeline.usage import FIT, measured

BINARY_PATH = "models/language_model/lm.binary"


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A model and its fit stage: the files it consists of, what it is trained on, the settings it depends on.

    `external` gives the paths that the recipe names instead of training, in the order of `files`; empty: train.
    `given` is a file that the fit takes over instead of training, `given_data` are files that it reads. `settings` are
    those that the fit reads, no more: a threshold that only a later stage applies trains nothing anew. Where
    `reads_counts`, the fit reads what the stages counted in the ledger, and no document. `follows` is a model whose
    digest the fit takes as well. Where `reads_sizes`, it is told how much text each source has. `says` are lines about
    its report, for people.
    """

    name: str
    stage: str
    files: tuple[str, ...]
    fit: Callable[..., dict[str, Any]]
    reads: Callable[[Recipe], Mapping[str, str]]
    settings: Callable[[Recipe], list[Any]]
    external: Callable[[Recipe], tuple[str, ...]] = lambda _: ("",)
    given: Callable[[Recipe], str] = lambda _: ""
    given_data: Callable[[Recipe], Sequence[str]] = lambda _: ()
    reads_counts: bool = False
    follows: "Model | None" = None
    reads_sizes: bool = False
    says: Callable[[Mapping[str, Any]], Iterator[str]] = lambda _: iter(())
    used_by: Callable[[Recipe], bool] = lambda recipe: "commoncrawl" in recipe.sources

    def is_external(self, recipe: Recipe) -> bool:
        """Whether the recipe names the files, so that nothing is trained."""
        return all(self.external(recipe))

    def is_trained(self, recipe: Recipe) -> bool:
        """Whether the run trains this model."""
        return self.used_by(recipe) and not self.is_external(recipe)

    def path(self, run: Run, file: str) -> str:
        """A path on this machine to one of the model's files."""
        if self.is_external(run.recipe):
            return external_path(self.external(run.recipe)[self.files.index(file)])
        return on_this_machine(run.output, f"models/{self.name}/{file}")

    def digest(self, run: Run) -> str:
        """Digest of the model's files; empty where it has not been trained yet."""
        if self.is_external(run.recipe):
            return digest_of([load_once(external_digest, path) for path in self.external(run.recipe)])
        held = run.output.read_json(f"ledger/{self.stage}/{WHOLE_RUN}/{self.name}.json")
        # The report may change, say with a threshold that it is about, while the model stays what it was.
        return digest_of([held["outputs"][f"models/{self.name}/{file}"] for file in self.files]) if held else ""

    def inputs(self, run: Run) -> dict[str, str]:
        """Digests of all that the model is trained on."""
        found = {}
        for source, stage in self.reads(run.recipe).items():
            names = run.output.list(f"ledger/{stage}/{source}")
            held = [run.output.read_json(f"ledger/{stage}/{source}/{name}") or {} for name in names]
            told = [entry.get("counts") if self.reads_counts else as_made(entry.get("outputs", {})) for entry in held]
            found[f"{stage}/{source}"] = digest_of(told)
        if self.follows:
            found[f"models/{self.follows.name}"] = self.follows.digest(run)
        if self.reads_sizes:
            found["sizes"] = digest_of({source: asdict(size) for source, size in run.text_sizes().items()})
        given = (self.given(run.recipe), *self.given_data(run.recipe))
        return found | {redact(path): load_once(external_digest, path) for path in given if path}

    def key(self, run: Run) -> str:
        """The key of the model's done record."""
        settings = [_plain(item) for item in self.settings(run.recipe)]
        return run.key(self.stage, WHOLE_RUN, self.name, [settings, run.recipe.seed], self.inputs(run))

    def is_current(self, run: Run) -> bool:
        """Whether the model is there and follows from what is there now."""
        return run.current(self.stage, WHOLE_RUN, self.name, self.key(run)) is not None

    def train(self, run: Run) -> LedgerEntry:
        """Fit the model and publish its files."""
        with measured(run.output, FIT, self.stage, unit=self.name):
            return self._train(run)

    def _train(self, run: Run) -> LedgerEntry:
        reads = self.reads(run.recipe)

        def read(source: str, columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch] | Counter[str]:
            if source not in reads or source not in run.recipe.sources:
                raise SettingError(f"{self.stage} needs documents of {source}, and mixture.weights has no {source}")
            stage = reads[source]
            return run.counts(stage, source) if self.reads_counts else run.documents(stage, source, columns)

        key, inputs = self.key(run), self.inputs(run)
        outputs = {}
        with TemporaryDirectory(prefix="tokenmill-") as name, writing(Path(name)):
            folder = Path(name)
            told: list[Any] = [self.follows.digest(run)] if self.follows else []
            told += [run.text_sizes()] if self.reads_sizes else []
            report = self.fit(read, run.recipe, folder, *told)
            for path in sorted(folder.iterdir()):
                outputs[f"models/{self.name}/{path.name}"] = run.output.put(path, f"models/{self.name}/{path.name}")
        report_name = f"models/{self.name}/report.json"
        outputs[report_name] = run.output.write_json(report_name, report)
        return run.record(Tally().entry(self.stage, WHOLE_RUN, self.name, key, inputs, outputs))

    def summary(self, run: Run) -> list[str]:
        """Lines about the model, for people."""
        return list(self.says(run.output.read_json(f"models/{self.name}/report.json") or {}))


def _plain(item: Any) -> Any:
    return item.model_dump(mode="json") if isinstance(item, Section) else item


def external_path(path: str) -> str:
    """A path on this machine to a file that the recipe names by path or fsspec address."""
    if "://" not in path:
        return path
    folder, _, name = path.rpartition("/")
    return on_this_machine(Folder(folder), name)


CONTAMINATION_INDEX = Model(
    name="contamination",
    stage=stage_names.INDEX_EVALS,
    files=(PASSAGES,),
    fit=fit_contamination,
    reads=lambda _: {},
    reads_counts=True,
    settings=lambda recipe: [recipe.decontaminate.model_dump(mode="json", exclude={"min_fraction", "action"})],
    given_data=set_of_files,
    used_by=lambda recipe: bool(recipe.decontaminate.sets),
)
LANGUAGE = Model(
    name="language",
    stage=stage_names.TRAIN_LANGUAGE,
    files=("language.bin",),
    fit=fit_language,
    reads=lambda _: {"wikipedia": stage_names.CLEAN},
    settings=lambda recipe: [recipe.language.keep, recipe.language.max_text_bytes],
    external=lambda recipe: (recipe.language.model,),
    used_by=lambda recipe: (
        "commoncrawl" in recipe.sources or ("c4" in recipe.sources and recipe.c4.asks_language_model)
    ),
)
LANGUAGE_MODEL = Model(
    name="language_model",
    stage=stage_names.TRAIN_LM,
    files=("lm.arpa", "pieces.model"),
    fit=fit_language_model,
    reads=lambda _: {"wikipedia": stage_names.CLEAN},
    settings=lambda recipe: [recipe.language_model.model_dump(mode="json", exclude={"memory_bytes"})],
    external=lambda recipe: (recipe.language_model.arpa, recipe.language_model.pieces),
)


def language_model_path(run: Run) -> str:
    """The n-gram model that is asked: KenLM's binary where the run has made one, else the ARPA file."""
    is_made = run.recipe.language_model.binary and not LANGUAGE_MODEL.is_external(run.recipe)
    return on_this_machine(run.output, BINARY_PATH) if is_made else LANGUAGE_MODEL.path(run, "lm.arpa")


CUTOFFS = Model(
    name="perplexity",
    stage=stage_names.CUTOFFS,
    files=("cutoffs.json",),
    fit=fit_cutoffs,
    reads=lambda _: {"commoncrawl": stage_names.SAMPLE},
    settings=lambda recipe: [
        recipe.perplexity,
        recipe.language.keep,
        recipe.language.min_score,
        recipe.language_model.language,
    ],
    follows=LANGUAGE_MODEL,
)
REFERENCE = Model(
    name="reference",
    stage=stage_names.TRAIN_REFERENCE,
    files=("reference.bin",),
    fit=fit_reference,
    reads=lambda recipe: (
        {"commoncrawl": stage_names.SAMPLE}
        | ({"wikipedia": stage_names.CLEAN} if recipe.reference.positives == "articles" else {})
    ),
    settings=lambda recipe: [
        recipe.reference.model_dump(mode="json", exclude={"token_budget", "bytes_per_token"}),
        recipe.language.keep,
        recipe.language.min_score,
    ],
    external=lambda recipe: (recipe.reference.model,),
)
THRESHOLD = Model(
    name="threshold",
    stage=stage_names.THRESHOLD,
    files=("threshold.json",),
    fit=fit_threshold,
    reads=lambda _: {"commoncrawl": stage_names.SCORES},
    reads_counts=True,
    settings=lambda recipe: [
        recipe.reference.min_score,
        recipe.reference.token_budget,
        recipe.reference.bytes_per_token,
    ],
)
TOKENIZER = Model(
    name="tokenizer",
    stage=stage_names.TRAIN_TOKENIZER,
    files=("tokenizer.model",),
    fit=fit_tokenizer,
    reads=lambda recipe: dict.fromkeys(recipe.sources, SAMPLE_TOKENIZER),
    reads_sizes=True,
    says=tokenizer_lines,
    settings=lambda recipe: [recipe.tokenizer, recipe.asked_shares],
    given=lambda recipe: recipe.tokenizer.model,
    used_by=lambda _: True,
)
ALL_MODELS = (CONTAMINATION_INDEX, LANGUAGE, LANGUAGE_MODEL, CUTOFFS, REFERENCE, THRESHOLD, TOKENIZER)


_BEGINS = {".bin": (b"\xba\x16O/", "fastText"), ".model": (b"\n", "SentencePiece")}
"""How files of models begin that a recipe may name; `check_language_model` knows of the third kind."""


def _check_begins(name: str, suffix: str, path: str) -> None:
    """Raise SettingError for a file that is no such model, such as a page that a server sent in place of one."""
    if suffix not in _BEGINS:
        try:
            check_language_model(path)
        except ValueError as error:
            raise SettingError(f"{name}: {error}; fetch it again") from error
        return
    begins, kind = _BEGINS[suffix]
    with Path(path).open("rb") as stream:
        found = stream.read(8)
    if not found.startswith(begins):
        raise SettingError(f"{name}: {path} is no {kind} model: it begins with {found!r}; fetch it again")


def check_models(recipe: Recipe, stages: Collection[str]) -> None:
    """Raise SettingError where a model that these stages train or use can be neither, before any work."""
    check_sets(recipe)
    for model in ALL_MODELS:
        for path in (*model.external(recipe), model.given(recipe)):
            if path and "://" not in path and not Path(path).is_file():
                raise SettingError(f"{model.name}: no model at {path}")
        for file, path in zip(model.files, model.external(recipe), strict=False):
            if path and "://" not in path:
                _check_begins(model.name, Path(file).suffix, path)
        if model.stage in stages and model.is_trained(recipe):
            missing = [source for source in model.reads(recipe) if source not in recipe.sources]
            if missing:
                raise SettingError(
                    f"{model.stage} needs the source {missing[0]}: add it to mixture.weights, or name a model for"
                    f" {model.name} in the recipe"
                )
    if LANGUAGE_MODEL.stage in stages and LANGUAGE_MODEL.is_trained(recipe) and recipe.language_model.binary:
        find_build_binary()
    if recipe.perplexity.cutoffs == "ccnet" and {CUTOFFS.stage, "perplexity"} & set(stages):
        check_ccnet_models(recipe, external_path)
