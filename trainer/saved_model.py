"""A trained model out of a checkpoint, weight by weight, and a checkpoint made of weights that others trained.

What sampling, export and evaluation need of a checkpoint: no optimiser, no processes, and any machine.
"""

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from tokenmill.version import installed_version
from trainer.checkpoint import FORMAT, Checkpoint, checkpoint_folders, read_checkpoint, to_disk
from trainer.config import TrainerConfig
from trainer.errors import DamagedCheckpointError, SettingsError
from trainer.model import Llama
from trainer.tensor_files import Chunk, Saveable, SavedTensor, file_digests, lay_out, load_tensors, read_index

if TYPE_CHECKING:
    from tokenizer.vocabulary import Vocabulary

_PREFIX = "weights."
_MODEL_KEYS = ("dimension", "layers", "heads", "feed_forward", "norm_epsilon", "rope_base")


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedModel:
    """The model of a checkpoint."""

    folder: Path
    step: int
    config: TrainerConfig
    vocabulary_size: int
    context_tokens: int
    """Tokens of the sequences that it was trained on."""
    tokenizer_digest: str
    digest: str
    """Changes when any weight does."""
    _index: Mapping[str, SavedTensor]

    def shape(self, name: str) -> tuple[int, ...]:
        """Of a weight."""
        return self._index[_PREFIX + name].shape

    def read(self, name: str) -> Tensor:
        """A whole weight, float32, on the CPU."""
        whole = torch.empty(self.shape(name))
        load_tensors(self._index, {_PREFIX + name: whole})
        return whole

    def llama(self, device: torch.device | str = "cpu", dtype: torch.dtype = torch.float32) -> Llama:
        """The model with its weights, for inference."""
        model = Llama(self.config, self.vocabulary_size, device=device, dtype=dtype).requires_grad_(False)
        for name, weight in model.named_parameters():
            weight.copy_(self.read(name))
        return model

    def check_fits(self, config: TrainerConfig, vocabulary_size: int, tokenizer_digest: str) -> None:
        """Raises SettingsError unless training with these settings, on a stream of this tokenizer, may begin so."""
        asked: dict[str, tuple[object, object]] = {
            key: (getattr(self.config, key), getattr(config, key)) for key in _MODEL_KEYS
        }
        asked["vocabulary_size"] = (self.vocabulary_size, vocabulary_size)
        if self.tokenizer_digest:  # An import without a tokenizer has none.
            asked["tokenizer"] = (self.tokenizer_digest, tokenizer_digest)
        for key, (ours, wanted) in asked.items():
            if ours != wanted:
                raise SettingsError(f"{self.folder} has {key} = {ours}, the run {wanted}")

    def tokenizer(self, given: Path | None) -> Path | None:
        """Its tokenizer's file: the one given, or one that lies where a run or an import leaves it.

        Raises SettingsError where the one given is not what the model was trained with.
        """
        if given is not None:
            _check_tokenizer(given, self.tokenizer_digest)
            return given
        places = ("tokenizer.model", "models/tokenizer/tokenizer.model")
        for parent in self.folder.absolute().parents:
            for path in (parent / place for place in places):
                if path.exists() and _digest(path) == self.tokenizer_digest:
                    return path
        return None

    def vocabulary(self, given: Path | None) -> "Vocabulary":
        """Its tokenizer, read. Raises SettingsError where it has none, or has another one."""
        found = self.tokenizer(given)
        if found is None:
            raise SettingsError(f"{self.folder} has no tokenizer beside it: name it with --tokenizer")
        vocabulary = read_tokenizer(found)
        if vocabulary.size != self.vocabulary_size:
            raise SettingsError(f"{found} has {vocabulary.size} pieces, the model {self.vocabulary_size}")
        return vocabulary


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedModel:
    """A model of another program's files, that are read weight by weight."""

    config: TrainerConfig
    vocabulary_size: int
    context_tokens: int
    read: Callable[[str], Tensor]
    """A whole weight by our name, float32."""
    tokenizer: Path | None


def open_model(path: Path) -> SavedModel:
    """The model of a checkpoint's folder, or the newest of a training's; its files are checked by digest.

    Raises SettingsError where there is no checkpoint, DamagedCheckpointError where it is not what was written.
    """
    checkpoint = read_checkpoint(_checkpoint_folder(path))
    index = {name: saved for name, saved in read_index(checkpoint.files).items() if name.startswith(_PREFIX)}
    digest = _checked_digest(checkpoint, index)
    run = checkpoint.run
    known = {item.name for item in fields(TrainerConfig)}
    model = SavedModel(
        folder=checkpoint.folder,
        step=checkpoint.step,
        config=TrainerConfig(**{key: value for key, value in run.items() if key in known}),
        vocabulary_size=run["vocabulary_size"],
        context_tokens=run["sequence_tokens"],
        tokenizer_digest=run["tokenizer"],
        digest=digest,
        _index=index,
    )
    for name, shape in weight_shapes(model.config, model.vocabulary_size).items():
        if _PREFIX + name not in index or model.shape(name) != shape:
            raise DamagedCheckpointError(f"{checkpoint.folder} does not hold {name} in the shape {shape}")
    return model


def save_imported(model: ImportedModel, output: Path) -> Path:
    """Writes a checkpoint of step 0 below `output`, without moments, and the tokenizer beside; gives its folder."""
    with new_folder(output) as folder:
        inside = folder / "checkpoints" / "step-00000000"
        inside.mkdir(parents=True)
        digest = ""
        if model.tokenizer is not None:
            shutil.copyfile(model.tokenizer, folder / "tokenizer.model")
            digest = _digest(folder / "tokenizer.model")
        run = {"tokenizer": digest, "vocabulary_size": model.vocabulary_size, "sequence_tokens": model.context_tokens}
        state = {
            "format": FORMAT,
            "tokenmill": installed_version(),
            "step": 0,
            "sequences": 0,
            "run": run | asdict(model.config),
            "world_size": 1,
            "sha256": _write_weights(model, inside),
        }
        (inside / "state.json").write_text(json.dumps(state, indent=1, sort_keys=True) + "\n")
    return output / "checkpoints" / "step-00000000"


@contextmanager
def new_folder(target: Path) -> Iterator[Path]:
    """A folder to write in, which becomes `target` when all is written.

    Raises SettingsError where that is there and not empty.
    """
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise SettingsError(f"{target} is there already: name a folder that is empty or not there")
    partial = target.with_name(target.name + ".tmp")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        yield partial
        for path in partial.rglob("*"):
            to_disk(path)
        partial.rename(target)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def weight_shapes(config: TrainerConfig, vocabulary_size: int) -> dict[str, tuple[int, ...]]:
    """All weights of a model by name."""
    parameters = Llama(config, vocabulary_size, device="meta").named_parameters()
    return {name: tuple(weight.shape) for name, weight in parameters}


def _checkpoint_folder(path: Path) -> Path:
    if (path / "state.json").exists():
        return path
    for folder in (path / "checkpoints", path):
        if found := checkpoint_folders(folder):
            return found[-1]
    raise SettingsError(f"{path} is no checkpoint, and holds none")


def _checked_digest(checkpoint: Checkpoint, index: Mapping[str, SavedTensor]) -> str:
    """A digest of the files that hold weights, which are read to check their own; others are not."""
    files = sorted({path for saved in index.values() for path, _ in saved.parts})
    digests = file_digests(files)
    for path, digest in zip(files, digests, strict=True):
        if digest != checkpoint.sha256[path.name]:
            raise DamagedCheckpointError(f"{path} is not what was written")
    return hashlib.blake2b("".join(digests).encode(), digest_size=16).hexdigest()


def _write_weights(model: ImportedModel, folder: Path) -> dict[str, str]:
    """A file at a time, so that no more than one is in memory; the SHA-256 of each by name."""
    shapes = weight_shapes(model.config, model.vocabulary_size)
    chunks = [Chunk(_PREFIX + name, (0,) * len(shape), shape) for name, shape in shapes.items()]
    files = lay_out(0, chunks, pinned=False)  # Memory that is not touched yet takes none.
    digests = {}
    while files:
        file = files.pop(0)
        file.fill(_Reading(model.read))
        digests[file.name] = file.write(folder)
    return digests


class _Reading(dict[str, Saveable]):
    """Weights by the names that checkpoints give them, read as they are asked for."""

    def __init__(self, read: Callable[[str], Tensor]) -> None:
        super().__init__()
        self._read = read

    def __missing__(self, name: str) -> Tensor:
        return self._read(name.removeprefix(_PREFIX))


def _check_tokenizer(path: Path, wanted: str) -> None:
    if (found := _digest(path)) != wanted:
        raise SettingsError(f"{path} is another tokenizer ({found}) than the model's ({wanted or 'none is known'})")


def _digest(path: Path) -> str:
    return read_tokenizer(path).digest


def read_tokenizer(path: Path) -> "Vocabulary":
    """The tokenizer of a file. Raises SettingsError where it is none."""
    from tokenizer.vocabulary import Vocabulary  # Training imports this module, and needs no tokenizer.

    try:
        return Vocabulary(path)
    except (OSError, ValueError) as error:
        raise SettingsError(f"--tokenizer {path}: {error}") from error
