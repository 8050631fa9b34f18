"""Command `explain`: from a token to its document and raw record, from a document to the steps that train on it.

Every answer is a JSON object; `explain_command.py` says the same to people.
"""

from collections.abc import Iterator
from functools import cached_property
from typing import Any

import pyarrow as pa

from filters.load_once import load_once
from pipeline.errors import SettingError
from pipeline.explain_raw import raw_record
from pipeline.explain_search import Found, find_documents, quarantined, trail
from pipeline.explain_stream import Landing, StreamMap, steps_done, steps_skipped
from pipeline.explain_tokens import TokenDocument
from pipeline.models import TOKENIZER
from pipeline.run import Run
from pipeline.stages import load_vocabulary
from pipeline.takedown_order import in_force
from tokenizer.vocabulary import Vocabulary

TOKENS_AROUND = 24
"""How many tokens are decoded on each side of the one asked about."""


class Explainer:
    """Answers questions about a finished run; what it reads once, it keeps."""

    def __init__(self, run: Run) -> None:
        self.run = run

    @cached_property
    def stream(self) -> StreamMap:
        """The stream's map."""
        return StreamMap(self.run)

    @cached_property
    def steps_done(self) -> int:
        """How many training steps have been done."""
        return steps_done(self.run)

    @cached_property
    def steps_skipped(self) -> frozenset[int]:
        """Which of them changed nothing."""
        return steps_skipped(self.run)

    def sequence(self, position: int) -> dict[str, Any]:
        """All documents of a position, with the tokens that it has of each."""
        source, pieces = self.stream.pieces(position)
        tokens = self.stream.source(source)
        told = []
        for piece in pieces:
            for document in tokens.documents(piece.token, piece.tokens):
                base = tokens.first_token(document.shard)
                first = max(piece.token, base + document.start)
                last = min(piece.token + piece.tokens, base + document.end)
                told.append(
                    {"doc_id": document.doc_id, "origin": document.origin, "epoch": piece.epoch}
                    | {"shard": f"{source}/{document.shard}", "first": first - base, "tokens": last - first}
                )
        return self._where(position) | {"source": source, "documents": told}

    def stream_token(self, position: int, place: int) -> dict[str, Any]:
        """A token of a position, counted from 0 in its sequence. Raises SettingError where there is none."""
        width = self.stream.phase(position).sequence_tokens
        if not 0 <= place < width:
            raise SettingError(f"token must be 0 … {width - 1} in position {position}, got {place}")
        source, pieces = self.stream.pieces(position)
        piece, within = pieces[place // pieces[0].tokens], place % pieces[0].tokens
        told = self._where(position) | {"token": place, "epoch": piece.epoch}
        return told | self._source_token(source, piece.token + within)

    def shard_token(self, source: str, shard: str, token: int) -> dict[str, Any]:
        """A token of a token shard. Raises SettingError where there is none."""
        tokens = self.stream.source(source)
        first = tokens.first_token(shard)
        if not 0 <= token < tokens.size(shard):
            raise SettingError(f"token must be 0 … {tokens.size(shard) - 1} in {source}/{shard}, got {token}")
        return self._source_token(source, first + token)

    def steps(self, first: int, last: int) -> Iterator[dict[str, Any]]:
        """Every sequence of training steps `first` … `last`, counted from 1. Raises SettingError beyond the stream."""
        batch, sequences = self.stream.batch_sequences, self.stream.plan.sequences
        if not 1 <= first <= last <= sequences // batch:
            raise SettingError(f"steps must lie in 1 … {sequences // batch}, got {first}:{last}")
        return (self.sequence(position) for position in range((first - 1) * batch, last * batch))

    def documents(self, name: str) -> list[dict[str, Any]]:
        """All documents of that doc_id, origin or address. Raises SettingError where there is none."""
        found = [self._document(each) for each in find_documents(self.run, [name])]
        if not found:
            raise SettingError(f"no document has the doc_id, origin or address {name!r}: {self._missing(name)}")
        return found

    def _document(self, found: Found) -> dict[str, Any]:
        told: dict[str, Any] = {
            **{"doc_id": found.doc_id, "origin": found.origin, "url": found.url, "source": found.source},
            "unit": found.unit,
            "stages": trail(self.run, found),
            "taken_down": in_force(self.run.output).names(found.doc_id, found.origin, found.url),
            "raw": raw_record(self.run, found.source, found.origin),
        }
        places = []
        if told["stages"] and told["stages"][-1]["kept"]:
            tokens = self.stream.source(found.source)
            shards, ids = tokens.of_unit(found.unit), pa.array([found.doc_id])
            places = [self._lies(document) for shard in shards for document in tokens.find(shard, ids)]
        return told | {"tokens": places, "steps_done": self.steps_done}

    def _source_token(self, source: str, token: int) -> dict[str, Any]:
        tokens = self.stream.source(source)
        shard, within = tokens.locate(token)
        document = next(tokens.within(shard, within, within + 1))
        return {
            **{"source": source, "shard": f"{source}/{shard}", "shard_token": within},
            **self._said(document, within),
            "raw": raw_record(self.run, source, document.origin),
            "document": self._lies(document),
            "steps_done": self.steps_done,
        }

    def _said(self, document: TokenDocument, token: int) -> dict[str, Any]:
        """The token's id and piece, and the text around it within its document."""
        first, last = max(document.start, token - TOKENS_AROUND), min(document.end, token + TOKENS_AROUND + 1)
        ids = self.stream.source(document.source).read(document.shard, first, last - first)
        at = token - first
        text = {"before": self._text(ids[:at]), "at": self._text(ids[at : at + 1]), "after": self._text(ids[at + 1 :])}
        told = {"doc_id": document.doc_id, "origin": document.origin, "id": int(ids[at])}
        return told | {"piece": self.vocabulary.piece(int(ids[at])), "text": text}

    def _lies(self, document: TokenDocument) -> dict[str, Any]:
        """A document's tokens in its shard, and where they land in the stream."""
        base = self.stream.source(document.source).first_token(document.shard)
        count = document.end - document.start
        landings = self.stream.landings(document.source, base + document.start, count)
        return {
            **{"doc_id": document.doc_id, "shard": f"{document.source}/{document.shard}"},
            **{"start": document.start, "end": document.end},
            "stream": [self._landing(landing, base) for landing in landings],
        }

    def _landing(self, landing: Landing, base: int) -> dict[str, Any]:
        told = {"epoch": landing.epoch, "first": landing.first, "tokens": landing.tokens}
        return self._where(landing.position) | told | {"shard_token": landing.source_token - base}

    def _where(self, position: int) -> dict[str, Any]:
        step = self.stream.step_of(position)
        return {
            "position": position,
            "step": step,
            "sequence": position % self.stream.batch_sequences,
            "done": step <= self.steps_done,
            "skipped": step in self.steps_skipped,
        }

    def _missing(self, name: str) -> str:
        """Why no document has that name, as far as can be said."""
        if "#" not in name or "://" in name:
            return f"looked in what clean kept and rejected of {', '.join(self.run.recipe.sources)}"
        if why := quarantined(self.run, name):
            return why
        if all("missing" in raw_record(self.run, source, name) for source in self.run.recipe.sources):
            return f"nor has {name.partition('#')[0]} such a record"
        return "its record is in the dump, and `clean` rejected it without keeping what it rejects"

    def _text(self, ids: Any) -> str:
        return self.vocabulary.decode(ids)

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """The tokenizer that the tokens are of."""
        return load_once(load_vocabulary, TOKENIZER.path(self.run, "tokenizer.model"))
