"""Texts that a model goes on with: prompts in, text out as it is drawn.

tokenmill-trainer generate out/demo --prompt "The coffee"
"""

import codecs
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Literal, NamedTuple

import pyarrow as pa
import torch

from tokenizer.special_ids import BOS, EOS
from tokenizer.vocabulary import Vocabulary
from trainer.config import TrainerConfig
from trainer.decoding import Decoder
from trainer.errors import SettingsError
from trainer.model import Llama
from trainer.sampling import Sampling, chance_of, choose
from trainer.saved_model import open_model
from trainer.state import compute_dtype

End = Literal["", "eos", "length"]


class Drawn(NamedTuple):
    """What one more token adds to the text of a prompt: nothing where it only begins a character."""

    prompt: int
    token: int
    text: str
    end: End
    """Why nothing follows: the model ended the text, or it has as many tokens as it may."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TextGenerator:
    """A model that goes on with texts."""

    model: Llama
    config: TrainerConfig
    vocabulary: Vocabulary
    context_tokens: int

    @classmethod
    def open(cls, path: Path, tokenizer: Path | None, device: torch.device) -> "TextGenerator":
        """Of a checkpoint's folder, or the newest of a training's. Raises SettingsError where it has no tokenizer."""
        saved = open_model(path)
        vocabulary = saved.vocabulary(tokenizer)
        return cls(
            model=saved.llama(device, compute_dtype(saved.config, device)),
            config=saved.config,
            vocabulary=vocabulary,
            context_tokens=saved.context_tokens,
        )

    def texts(
        self, prompts: Sequence[str], sampling: Sampling, *, max_tokens: int, seed: int, batch: int = 8
    ) -> Iterator[Drawn]:
        """Tokens as they are drawn, `batch` prompts side by side; what a prompt gets does not depend on the others.

        Raises SettingsError before any work where a prompt leaves no room for a token.
        """
        encoded = self.vocabulary.encode(pa.array(prompts, pa.large_string()))
        starts = encoded.offsets.tolist()
        ids = [[BOS, *encoded.ids[a:b].tolist()] for a, b in pairwise(starts)]
        for prompt, tokens in enumerate(ids, start=1):
            if len(tokens) >= self.context_tokens:
                raise SettingsError(
                    f"prompt {prompt} has {len(tokens)} tokens, the model's sequences {self.context_tokens}"
                )
        growing = [
            _Growing(
                prompt=place,
                ids=tokens,
                room=min(max_tokens, self.context_tokens - len(tokens)),
                chance=chance_of(seed, place),
                text=TextStream(self.vocabulary, follows_text=len(tokens) > 1),
            )
            for place, tokens in enumerate(ids)
        ]
        groups = (growing[first : first + batch] for first in range(0, len(growing), batch))
        return (drawn for group in groups for drawn in self._grow(group, sampling))

    def _grow(self, some: Sequence["_Growing"], sampling: Sampling) -> Iterator[Drawn]:
        tokens = max(len(one.ids) + one.room for one in some)
        decoder = Decoder(self.model, self.config, sequences=len(some), tokens=tokens)
        scores = torch.stack([decoder.start(place, one.ids) for place, one in enumerate(some)])
        last = [EOS] * len(some)  # A text that is done takes EOS again and again: nobody looks at what follows.
        while True:
            for place, one in enumerate(some):
                if not one.end:
                    drawn = one.add(choose(scores[place], sampling, one.chance))
                    last[place] = drawn.token
                    yield drawn
            if all(one.end for one in some):
                return
            scores = decoder.next(last)


@dataclass(slots=True, kw_only=True)
class _Growing:
    """A text on its way."""

    prompt: int
    ids: list[int]
    room: int
    chance: torch.Generator
    text: "TextStream"
    end: End = field(default="", init=False)

    def add(self, token: int) -> Drawn:
        self.room -= 1
        self.end = "eos" if token == EOS else "length" if not self.room else ""
        text = self.text.add(token) + (self.text.close() if self.end else "")
        return Drawn(self.prompt, token, text, self.end)


class TextStream:
    """Text of ids as they come, never a broken character: a byte piece waits until its character is whole."""

    def __init__(self, vocabulary: Vocabulary, *, follows_text: bool) -> None:
        """At the beginning of a text the first piece's blank is the tokenizer's, behind other text it is a blank."""
        self._vocabulary = vocabulary
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._begins = not follows_text

    def add(self, token: int) -> str:
        """What the id adds to the text."""
        text = self._decoder.decode(self._vocabulary.piece_bytes(token))
        if self._begins and text:
            self._begins = False
            return text.removeprefix(" ")
        return text

    def close(self) -> str:
        """What is left: a sign for bytes that make no character."""
        return self._decoder.decode(b"", final=True)
