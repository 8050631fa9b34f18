"""What all token shards of a run share: how an id is stored, and the vocabulary that it belongs to."""

from dataclasses import dataclass
from typing import Any

import numpy as np


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
