"""What `verify` can find: each fault by name, with what it means."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass

FAULTS: Mapping[str, str] = {
    "tokenizer_differs": "the tokenizer's model is not the file that its done record names, or cannot be read, or"
    " cannot serve as LLaMA's",
    "record_missing": "a done record below `ledger/` is missing, or is no record",
    "ledger_differs": "a done record's counts of documents or tokens are not those of its token shards",
    "manifest_differs": "`manifest.json` contradicts itself or the done records: another digest of an output, of an"
    " input, of the recipe, of itself",
    "file_missing": "a file that a done record names, or a sidecar of a token shard, is not there",
    "file_unknown": "a file that no done record names lies among token shards or the stream",
    "source_missing": "a source of the mixture has no token shard",
    "size_differs": "a file is shorter or longer than its done record says: cut short, emptied, or written to",
    "digest_differs": "a file's bytes are not those that its done record, or the shard's own record, was written for",
    "record_unreadable": "a token shard's `NAME.json` is no JSON object",
    "wrong_tokenizer": "a token shard says that it is of another tokenizer, vocabulary, width, BOS or EOS",
    "counts_differ": "a token shard's record counts other documents or tokens than there are",
    "id_out_of_range": "an id that the vocabulary does not have",
    "bos_missing": "a document that does not begin with BOS",
    "eos_missing": "a document that does not end with EOS",
    "shard_empty": "a token shard without tokens, which Megatron-LM and OLMo-core cannot open",
    "sidecar_differs": "a sidecar that does not describe the ids: other document ends, counts, width or layout",
    "documents_differ": "two sidecars that name different documents at the same place",
    "document_twice": "one `doc_id` names two documents of the run",
    "plan_impossible": "no stream can be planned from these token shards and this recipe",
    "plan_differs": "the stream was mixed by another plan than recipe and token shards give: seed, phases, weights,"
    " lengths, vocabulary",
    "tokens_differ": "the stream was mixed of another number of tokens than the source has",
    "stream_unreadable": "`stream.json` is missing or no JSON object",
    "stream_record_differs": "`stream.json` does not describe the stream's files, or its digest is not its own",
    "stream_shard_moved": "a stream shard holds all of another one: files were exchanged",
    "sequence_missing": "a stream shard lacks a sequence, and what follows lies too early",
    "sequence_doubled": "a sequence that lies in its place and in another's too",
    "sequence_moved": "a sequence that lies where another should, which lies elsewhere",
    "sequence_altered": "tokens of a sequence that are not those of the plan, and of no other sequence near it",
    "plan_not_whole": "the plan puts two sequences or none at a position",
    "reads_differ": "the blocks of a source are not read as often as its sequences in the stream take",
    "ratio_drifts": "a source strays further from its share, at a position or over a stretch, than the plan promises",
    "budget_missed": "a source has a sequence or more too many or too few for its weight",
}
"""Name → meaning; in the order in which they are told where one thing is wrong in several ways."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Something that is not as it should be: `where` is a file of the output folder or a source, `detail` says how."""

    name: str
    where: str
    detail: str

    def __post_init__(self) -> None:
        if self.name not in FAULTS:
            raise ValueError(f"{self.name} is no fault's name")

    def __str__(self) -> str:
        return f"{self.name} in {self.where}: {self.detail}"

    def to_json(self) -> dict[str, str]:
        """The fault as a JSON object."""
        return asdict(self)
