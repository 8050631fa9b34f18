"""datatrove's `NAME.ds.index` and `NAME.ds.metadata`, by which it and nanotron read the ids as `NAME.ds`.

    NAME.ds            ids, no header: uint16 where the token size is 2, else uint32
    NAME.ds.index      n x u64, little-endian: the token before which each document ends
    NAME.ds.metadata   three lines: tokenizer|token size, tokens, tokens for people

An empty document would spoil datatrove's positions; none of ours is, since BOS and EOS are tokens. nanotron splits
the first line at `|` into exactly two, and loads the tokenizer by that name when its configuration is read.

Source: datatrove/pipeline/tokens/tokenizer.py and utils/dataset.py, 0.10.1; nanotron/data/nanoset.py.
"""

import numpy as np
from numpy.typing import NDArray

from mixtures.token_format import TokenFormat


def datatrove_index(ends: NDArray[np.int64]) -> bytes:
    """The bytes of `.ds.index`."""
    return ends.astype("<i8", copy=False).tobytes()  # The same bytes as u64, since no end is negative.


def datatrove_metadata(tokens: int, form: TokenFormat) -> bytes:
    """The bytes of `.ds.metadata`."""
    return f"{form.tokenizer_name}|{form.dtype.itemsize}\n{tokens}\n{_human(tokens)}\n".encode()


def _human(count: float) -> str:
    for unit in ("", "K", "M", "B"):
        if count < 1000:
            return f"{count:.4g}{unit}"
        count /= 1000
    return f"{count:.4g}T"
