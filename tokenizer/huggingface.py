"""A SentencePiece BPE model as the `tokenizer.json` and `tokenizer_config.json` that HuggingFace's libraries load.

Their own conversion asks for a newer protobuf than Beam allows, and puts no blank before a text that begins with one.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tokenizer.sentencepiece_model import Algorithm, Kind, SentencePieceModel, parse_model

_KINDS = (Kind.NORMAL, Kind.UNKNOWN, Kind.CONTROL, Kind.BYTE)


def huggingface_files(path: Path, context_tokens: int | None = None) -> dict[str, str]:
    """The two files by name; ids are those of the model file. `context_tokens` is how many a model takes at once.

    Raises ValueError where the model is not like LLaMA's: BPE with byte pieces, text taken as it is.
    """
    model = parse_model(path.read_bytes())
    tokenizer = tokenizer_json(model)
    bos, eos, unknown = _special(model)
    config = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": bos,
        "eos_token": eos,
        "unk_token": unknown,
        **({} if context_tokens is None else {"model_max_length": context_tokens}),
        "clean_up_tokenization_spaces": False,
        # A "<s>" in a text is three characters, as it is for SentencePiece.
        "split_special_tokens": True,
    }
    return {
        "tokenizer.json": json.dumps(tokenizer, ensure_ascii=False, indent=1) + "\n",
        "tokenizer_config.json": json.dumps(config, indent=1) + "\n",
    }


def tokenizer_json(model: SentencePieceModel) -> dict[str, Any]:
    """The content of `tokenizer.json`.

    Source: the fast tokenizer of the first LLaMA models in transformers (legacy behaviour: a blank before every text).
    """
    _refuse_unlike_llama(model)
    pieces = [piece.decode() for piece in model.pieces]
    special = _special(model)
    bos = special[0]
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [_added(pieces.index(token), token) for token in sorted(special, key=pieces.index)],
        "normalizer": {
            "type": "Sequence",
            "normalizers": [
                {"type": "Prepend", "prepend": "▁"},
                {"type": "Replace", "pattern": {"String": " "}, "content": "▁"},
            ],
        },
        "pre_tokenizer": None,
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [_place(bos, "SpecialToken", 0), _place("A", "Sequence", 0)],
            "pair": [
                *(_place(bos, "SpecialToken", 0), _place("A", "Sequence", 0)),
                *(_place(bos, "SpecialToken", 1), _place("B", "Sequence", 1)),
            ],
            "special_tokens": {bos: {"id": bos, "ids": [pieces.index(bos)], "tokens": [bos]}},
        },
        "decoder": {
            "type": "Sequence",
            "decoders": [
                {"type": "Replace", "pattern": {"String": "▁"}, "content": " "},
                {"type": "ByteFallback"},
                {"type": "Fuse"},
                {"type": "Strip", "content": " ", "start": 1, "stop": 0},
            ],
        },
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": special[2],
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": True,
            "byte_fallback": True,
            "ignore_merges": False,
            "vocab": {piece: index for index, piece in enumerate(pieces)},
            "merges": [[left, right] for left, right in merges(model)],
        },
    }


def merges(model: SentencePieceModel) -> Iterator[tuple[str, str]]:
    """Pairs of pieces that make a piece, in the order in which they are made: best score first.

    SentencePiece ranks pieces, HuggingFace pairs: of a piece's pairs the one with the longer left part comes first,
    since runs are paired from the left.
    """
    normal = {model.pieces[index].decode(): float(model.scores[index]) for index in model.ids_of(Kind.NORMAL)}
    for piece in sorted(normal, key=lambda piece: -normal[piece]):
        for cut in range(len(piece) - 1, 0, -1):
            if piece[:cut] in normal and piece[cut:] in normal:
                yield piece[:cut], piece[cut:]


def _special(model: SentencePieceModel) -> tuple[str, str, str]:
    """BOS, EOS and UNK: LLaMA's ids are 1, 2 and 0, and no other piece is one of control."""
    (unknown,) = model.ids_of(Kind.UNKNOWN)
    bos, eos = model.ids_of(Kind.CONTROL)
    return model.pieces[bos].decode(), model.pieces[eos].decode(), model.pieces[unknown].decode()


def _refuse_unlike_llama(model: SentencePieceModel) -> None:
    faults = {
        "it is no BPE model": model.algorithm != Algorithm.BPE,
        "it has no byte pieces": not model.byte_fallback or len(model.ids_of(Kind.BYTE)) != 256,
        "it rewrites characters": bool(model.charsmap),
        "it removes blanks": model.remove_extra_whitespaces,
        "it puts no blank before a text": not model.add_dummy_prefix or model.whitespace_is_suffix,
        "it leaves blanks as they are": not model.escape_whitespaces,
        "it has pieces beside normal ones, bytes, <unk>, BOS and EOS": len(model.ids_of(*_KINDS)) != len(model.pieces)
        or len(model.ids_of(Kind.CONTROL)) != 2
        or len(model.ids_of(Kind.UNKNOWN)) != 1,
    }
    found = [fault for fault, holds in faults.items() if holds]
    if found:
        raise ValueError(f"no tokenizer.json can be written: {'; '.join(found)}")


def _added(index: int, token: str) -> dict[str, Any]:
    kinds = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
    return {"id": index, "content": token, **kinds, "special": True}


def _place(name: str, kind: str, type_id: int) -> dict[str, Any]:
    return {kind: {"id": name, "type_id": type_id}}
