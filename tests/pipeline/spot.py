"""Where to spoil a finished run, and how to bring its records up to date with what was spoilt."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mixtures.shards import file_summary
from mixtures.stream import shard_name, stream_digest
from pipeline.ledger import LedgerEntry
from pipeline.manifest import write_manifest
from pipeline.run import Run


@dataclass(frozen=True)
class Spot:
    """Where a run lies, and a shard of a source in it to spoil."""

    run: Run
    source: str = "c4"

    @property
    def root(self) -> Path:
        return self.run.output.local_path()

    def shard(self, source=None, number=0):
        folder = self.root / "tokens" / (source or self.source)
        return sorted(path.with_suffix("") for path in folder.glob("*.json"))[number]

    def token_file(self, suffix, source=None, number=0):
        shard = self.shard(source, number)
        return shard.with_name(shard.name + suffix)

    def stream(self, index=1):
        return self.root / "stream" / shard_name(index)

    def where(self, path):
        return str(path.relative_to(self.root))

    def ids(self, change):
        ids = np.fromfile(self.token_file(".bin"), "<u2")
        change(ids)
        ids.tofile(self.token_file(".bin"))

    def rows(self, index, change):
        width = self.run.recipe.mixture.sequence_tokens
        rows = np.fromfile(self.stream(index), "<u2").reshape(-1, width)
        changed = change(rows)
        (rows if changed is None else changed).tofile(self.stream(index))

    def json(self, path, change):
        value = json.loads(path.read_text())
        change(value)
        path.write_text(json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False) + "\n")

    def sign(self):
        """Bring all that speaks of the spoilt files up to date, as one who spoils them on purpose would."""
        for record in sorted(self.root.glob("tokens/*/*.json")):
            held = json.loads(record.read_text())
            present = [name for name in held["files"] if record.with_name(name).exists()]
            held["files"] |= {name: file_summary(record.with_name(name)) for name in present}
            record.write_text(json.dumps(held))
        self.json(self.root / "stream/stream.json", self._sign_stream)
        for entry in sorted(self.root.glob("ledger/*/*/*.json")):
            held = LedgerEntry.from_json(json.loads(entry.read_text())).to_json()
            if held["stage"] in ("tokenize", "mix", "train-tokenizer"):
                present = [name for name in held["outputs"] if (self.root / name).exists()]
                held["outputs"] |= {name: file_summary(self.root / name) for name in present}
                entry.write_text(json.dumps(held))
        (self.root / "manifest.json").unlink()
        write_manifest(self.run)

    def _sign_stream(self, record):
        for shard in record["shards"]:
            path = self.root / "stream" / shard["name"]
            if path.exists():
                shard.update(file_summary(path))
        record["digest"] = stream_digest(record)


def flip(path, place=None):
    content = bytearray(path.read_bytes())
    content[len(content) // 2 if place is None else place] ^= 1
    path.write_bytes(content)


def cut(path, size):
    path.write_bytes(path.read_bytes()[:size])


def swap(one, other):
    held = one.read_bytes()
    one.write_bytes(other.read_bytes())
    other.write_bytes(held)
