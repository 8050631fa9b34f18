"""What all token shards of a run share: how an id is stored, and the vocabulary that it belongs to."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

IDS = ".bin"
"""The end of the name of a token shard's ids; its sidecars have others."""


def shard_names(files: Iterable[str]) -> list[str]:
    """The token shards among a source's files, in the order in which everyone reads them: by name without its end.

    `a` stands before `a-b`, though `a-b.bin` would stand before `a.bin`.
    """
    return sorted(file.removesuffix(IDS) for file in files if file.endswith(IDS))


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenFormat:
    """How ids are stored. `tokenizer_name` is what datatrove's readers load a tokenizer by."""

    dtype: np.dtype[Any]
    vocabulary_size: int
    tokenizer_digest: str
    bos_id: int
    eos_id: int
    tokenizer_name: str = "models/tokenizer"

    def __post_init__(self) -> None:
        if "|" in self.tokenizer_name or not self.tokenizer_name:
            raise ValueError(f"tokenizer_name must be a name without |, got {self.tokenizer_name!r}")
