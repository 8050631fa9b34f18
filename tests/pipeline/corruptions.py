"""Ways to spoil a finished run, each with the fault that `verify` should name first, and where."""

import gzip
import shutil
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from spot import Spot, cut, flip, swap

from mixtures.shards import DOCUMENTS_SCHEMA, SIDECARS
from mixtures.stream import shard_name

SUFFIXES = (".bin", *SIDECARS)


def exchange(rows):
    rows[[3, 4]] = rows[[4, 3]]


def stand_in(rows):
    rows[5] = rows[9]


def put_again(rows):
    return np.insert(rows, 6, rows[5], axis=0)


def leave_out(rows):
    return np.delete(rows, 5, axis=0)


def alter(rows):
    rows[7, 3] ^= 1


def document_rows(spot, change):
    path = spot.token_file(".documents.parquet")
    columns = pq.read_table(path).to_pydict()
    change(columns)
    pq.write_table(pa.table(columns, DOCUMENTS_SCHEMA), path)


def shift_row_end(columns):
    columns["end"][0] += 1


def shift_ends(suffix):
    """The end of the first document one token later."""

    def spoil(spot):
        path = spot.token_file(suffix)
        if suffix == ".documents.parquet":
            document_rows(spot, shift_row_end)
        elif suffix == ".csv.gz":
            start, end, *rest = gzip.decompress(path.read_bytes()).decode().split(",")
            path.write_bytes(gzip.compress(",".join([start, str(int(end) + 1), *rest]).encode()))
        else:
            content = bytearray(path.read_bytes())
            content[34 if suffix == ".idx" else 0] ^= 1
            path.write_bytes(content)

    return spoil


def rename_document(columns):
    columns["doc_id"][1] = "0" * 32


def rename_twice(spot):
    """One document gets another's name in both files that name it."""

    def rename(columns):
        held.extend(columns["doc_id"][:2])
        columns["doc_id"][1] = columns["doc_id"][0]

    held: list[str] = []
    document_rows(spot, rename)
    path = spot.token_file(".csv.gz")
    lines = gzip.decompress(path.read_bytes()).replace(held[1].encode(), held[0].encode(), 1)
    path.write_bytes(gzip.compress(lines))


def replace_shard(spot, suffixes=SUFFIXES):
    """Another source's shard under this one's name."""
    for suffix in suffixes:
        shutil.copyfile(spot.token_file(suffix, "books"), spot.token_file(suffix))


def replace_whole_shard(spot):
    """… with a record that names its own files."""
    replace_shard(spot)
    one, other = spot.shard("books").name, spot.shard().name
    record = spot.token_file(".json")
    record.write_text(record.read_text().replace(one, other))


def take_sidecar(suffix):
    """What the sidecar was before the shard was made anew."""

    def spoil(spot):
        shutil.copyfile(spot.token_file(suffix, "books"), spot.token_file(suffix))

    return spoil


def in_record(change):
    return lambda spot: spot.json(spot.root / "stream/stream.json", change)


def in_shard_record(change):
    return lambda spot: spot.json(spot.token_file(".json"), change)


def in_manifest(change):
    return lambda spot: spot.json(spot.root / "manifest.json", change)


def in_done_record(change):
    return lambda spot: spot.json(done_record(spot), change)


def done_record(spot):
    return sorted(spot.root.glob(f"ledger/tokenize/{spot.source}/*.json"))[0]


def phase_weights(record):
    record["phases"][0]["weights"]["c4"] += 0.001


def phase_shares(record):
    shares = record["phases"][0]["shares"]
    shares["c4"], shares["books"] = shares["c4"] + 1, shares["books"] - 1


def other_output(manifest):
    manifest["outputs"][min(manifest["outputs"])] = "0" * 32


def lost_input(manifest):
    manifest["inputs"]["gone.wet.gz"] = "0" * 32


@dataclass(frozen=True, kw_only=True)
class Corruption:
    """What is done to a run, and the fault that should be told first: its name, and the file."""

    spoil: Callable[[Spot], object]
    fault: str
    where: Callable[[Spot], str]
    signed: bool = False


def _token(suffix, spoil, fault, *, signed=False):
    return Corruption(spoil=spoil, fault=fault, signed=signed, where=lambda s: s.where(s.token_file("", None)) + suffix)


def _stream(spoil, fault, *, signed=False, index=1):
    return Corruption(spoil=spoil, fault=fault, signed=signed, where=lambda spot: f"stream/{shard_name(index)}")


def _at(where, spoil, fault, *, signed=False):
    return Corruption(spoil=spoil, fault=fault, signed=signed, where=lambda _: where)


RECORD, MANIFEST = "stream/stream.json", "manifest.json"
MODEL = "models/tokenizer/tokenizer.model"

CORRUPTIONS = {
    **{
        f"a flipped byte of {suffix}": _token(suffix, lambda s, x=suffix: flip(s.token_file(x)), "digest_differs")
        for suffix in SUFFIXES
    },
    "a flipped byte of a stream shard": _stream(lambda s: flip(s.stream()), "digest_differs"),
    "a flipped byte of a stream shard, signed": _stream(lambda s: s.rows(1, alter), "sequence_altered", signed=True),
    "a dropped sequence": _stream(lambda s: s.rows(1, leave_out), "size_differs"),
    "a dropped sequence, signed": _stream(lambda s: s.rows(1, leave_out), "size_differs", signed=True),
    "a sequence put twice": _stream(lambda s: s.rows(1, put_again), "size_differs", signed=True),
    "a sequence in another's place": _stream(lambda s: s.rows(1, stand_in), "sequence_doubled", signed=True),
    "two sequences exchanged": _stream(lambda s: s.rows(1, exchange), "sequence_moved", signed=True),
    "two stream shards exchanged": _stream(lambda s: swap(s.stream(0), s.stream(1)), "stream_shard_moved", index=0),
    "two stream shards exchanged, signed": _stream(
        lambda s: swap(s.stream(0), s.stream(1)), "stream_shard_moved", index=0, signed=True
    ),
    "a token shard cut short": _token(".bin", lambda s: cut(s.token_file(".bin"), 100), "size_differs"),
    "a token shard cut within an id": _token(".bin", lambda s: cut(s.token_file(".bin"), 101), "size_differs"),
    "a stream shard cut short": _stream(lambda s: cut(s.stream(), 100), "size_differs"),
    "a token shard emptied": _token(".bin", lambda s: cut(s.token_file(".bin"), 0), "size_differs"),
    "a token shard emptied, signed": _token(".bin", lambda s: cut(s.token_file(".bin"), 0), "shard_empty", signed=True),
    "a stream shard emptied": _stream(lambda s: cut(s.stream(), 0), "size_differs"),
    "a missing token shard": _token(".bin", lambda s: s.token_file(".bin").unlink(), "file_missing"),
    "a missing sidecar": _token(".idx", lambda s: s.token_file(".idx").unlink(), "file_missing"),
    "a missing stream shard": _stream(lambda s: s.stream().unlink(), "file_missing"),
    "a missing stream record": _at(RECORD, lambda s: (s.root / RECORD).unlink(), "file_missing"),
    "one file more among tokens": _at(
        "tokens/c4/more.bin", lambda s: (s.root / "tokens/c4/more.bin").write_bytes(b"\1\0\2\0"), "file_unknown"
    ),
    "one file more in the stream": _at(
        "stream/stream-00099.bin", lambda s: (s.root / "stream/stream-00099.bin").write_bytes(b""), "file_unknown"
    ),
    "another digest in the manifest": _at(MANIFEST, in_manifest(other_output), "manifest_differs"),
    "an input that was not read": _at(MANIFEST, in_manifest(lost_input), "manifest_differs"),
    "another recipe in the manifest": _at(
        MANIFEST, in_manifest(lambda m: m["recipe"].update(seed=9)), "manifest_differs"
    ),
    "other code in the manifest": _at(MANIFEST, in_manifest(lambda m: m.update(code_digest="0")), "manifest_differs"),
    "a manifest of nonsense": _at(MANIFEST, lambda s: (s.root / MANIFEST).write_text("[" * 9000), "manifest_differs"),
    "another seed": _at(RECORD, in_record(lambda r: r.update(seed=9)), "digest_differs"),
    "another seed, signed": _at(RECORD, in_record(lambda r: r.update(seed=9)), "plan_differs", signed=True),
    "other weights, signed": _at(RECORD, in_record(phase_weights), "plan_differs", signed=True),
    "other shares, signed": _at(RECORD, in_record(phase_shares), "plan_differs", signed=True),
    "no phases, signed": _at(RECORD, in_record(lambda r: r.update(phases=[])), "plan_differs", signed=True),
    "another width of ids in the stream": _at(
        RECORD, in_record(lambda r: r.update(dtype="uint32")), "plan_differs", signed=True
    ),
    "an id past the vocabulary": _token(
        ".bin", lambda s: s.ids(lambda ids: ids.__setitem__(1, 65_000)), "id_out_of_range", signed=True
    ),
    "no BOS": _token(".bin", lambda s: s.ids(lambda ids: ids.__setitem__(0, 5)), "bos_missing", signed=True),
    "no EOS": _token(".bin", lambda s: s.ids(lambda ids: ids.__setitem__(-1, 5)), "eos_missing", signed=True),
    **{
        f"a document's end shifted in {suffix}": _token(suffix, shift_ends(suffix), "sidecar_differs", signed=True)
        for suffix in (".idx", ".ds.index", ".csv.gz", ".documents.parquet")
    },
    **{
        f"a stale {suffix}": _token(suffix, take_sidecar(suffix), "sidecar_differs", signed=True)
        for suffix in (".idx", ".ds.index", ".ds.metadata", ".csv.gz", ".documents.parquet")
    },
    "a document's id altered": _token(
        ".documents.parquet", lambda s: document_rows(s, rename_document), "documents_differ", signed=True
    ),
    "two documents of one id": _token(".documents.parquet", rename_twice, "document_twice", signed=True),
    "another tokenizer's shard": _token(
        ".json", in_shard_record(lambda r: r.update(tokenizer_digest="0")), "wrong_tokenizer", signed=True
    ),
    "a shard of another width": _token(
        ".json", in_shard_record(lambda r: r.update(dtype="uint32")), "wrong_tokenizer", signed=True
    ),
    "a width for datatrove that is not the ids'": _token(
        ".ds.metadata",
        lambda s: (p := s.token_file(".ds.metadata")).write_text(p.read_text().replace("|2", "|4")),
        "sidecar_differs",
        signed=True,
    ),
    "another tokenizer": _at(MODEL, lambda s: flip(s.root / MODEL), "tokenizer_differs"),
    "a tokenizer of nonsense": _at(MODEL, lambda s: (s.root / MODEL).write_bytes(b"?"), "tokenizer_differs"),
    "another source's ids": _token(".bin", lambda s: replace_shard(s, [".bin"]), "size_differs"),
    "another source's shard, signed": Corruption(
        spoil=replace_whole_shard,
        fault="document_twice",
        where=lambda s: f"tokens/books/{s.shard('books').name}.documents.parquet",
        signed=True,
    ),
    "a done record of nonsense": Corruption(
        spoil=lambda s: done_record(s).write_text("{}"),
        fault="record_missing",
        where=lambda s: s.where(done_record(s)),
    ),
    "a done record that counts another document": Corruption(
        spoil=in_done_record(lambda r: r.update(documents_kept=r["documents_kept"] + 1)),
        fault="ledger_differs",
        where=lambda s: f"ledger/tokenize/{s.source}",
    ),
}
