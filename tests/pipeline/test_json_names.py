"""What a run writes as JSON has the keys that are explained, and all of them."""

import json
import re

from pipeline.corpora.registry import CORPORA
from pipeline.json_names import JSON_FILES

OF_OTHER_PAGES = ("ledger/", "logs/", "training/", "stream/stream.json", "models/tokenizer/")
"""JSON files that are explained elsewhere, or are no output."""
NAMED_BY_DATA = {"recipe", "inputs", "outputs", "files", "examples", "held_out", "blocks_read", "clusters", "cuts"}
"""Keys whose values have keys that no code names, or have a table of their own."""


def kind_of(name: str) -> str:
    """`tokens/c4/x-00000.json` is of the kind `tokens/SOURCE/NAME.json`."""
    name = re.sub(r"^(tokens|near-dedup)/[^/]+/", r"\1/SOURCE/", name)
    name = re.sub(r"^tokens/SOURCE/.*", "tokens/SOURCE/NAME.json", name)
    name = re.sub(r"^select/commoncrawl/.*", "select/commoncrawl/UNIT.json", name)
    return re.sub(r"(cutoffs|threshold)\.json$", "report.json", name)


def keys_of(value):
    if isinstance(value, list):
        return {key for item in value for key in keys_of(item)}
    if not isinstance(value, dict):
        return set()
    inner = {key for name, item in value.items() if name not in NAMED_BY_DATA for key in keys_of(item)}
    return {key for key in value if key not in CORPORA and not key.isdigit()} | inner


def test_every_key_of_a_json_file_is_explained_and_no_other(small_run):
    names = [path.relative_to(small_run.output).as_posix() for path in small_run.output.rglob("*.json")]
    names = [name for name in names if not name.startswith(OF_OTHER_PAGES)]
    assert {kind_of(name) for name in names} == set(JSON_FILES)
    for kind, explained in JSON_FILES.items():
        values = [json.loads((small_run.output / name).read_text()) for name in names if kind_of(name) == kind]
        assert set.union(*map(keys_of, values)) == set(explained), kind
