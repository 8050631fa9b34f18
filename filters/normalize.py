"""CCNet's two text normalisations, with their quirks kept: one for the key of a line, one for the language model.

Source: Wenzek et al. 2019, section 3; facebookresearch/cc_net text_normalizer.py, `normalize`, and Makefile.
"""

import sys
import unicodedata
from collections.abc import Iterator

PUNCTUATION = {
    **dict.fromkeys("，、", ","),
    "。": ".",
    **dict.fromkeys("“”„«»《》「」１", '"'),  # Kept: a full-width one among quotes. Digits are mapped before it is met.
    **dict.fromkeys("´’", "'"),
    **dict.fromkeys("∶：", ":"),
    **{"？": "?", "！": "!", "；": ";", "％": "%", "～": "~"},
    **{"（": "(", "）": ")", "【": "[", "】": "]", "〈": "<", "〉": ">"},
    **dict.fromkeys("–━►", "-"),
    "—": " - ",
    "．": ". ",
    "…": "...",
}
"""The 34 characters that a line's key leaves out and that the language model reads as the ASCII beside them."""

CONTROL_CHARACTERS = tuple(map(chr, (*range(0x20), *range(0x7F, 0xA0))))
"""Line feed and tabulator are among them: a text normalised as a whole is one line, its words glued there."""


def _characters() -> Iterator[str]:
    return map(chr, range(sys.maxunicode + 1))


_DIGITS = {ord(character): "0" for character in _characters() if character.isdecimal()}
_MARKS = {ord(character): None for character in _characters() if unicodedata.category(character) == "Mn"}
_DELETED = {ord(character): None for character in CONTROL_CHARACTERS}
_KEY_TABLE = {ord(character): None for character in PUNCTUATION} | _DELETED | _DIGITS
_LANGUAGE_MODEL_TABLE = {ord(character): ascii_ for character, ascii_ in PUNCTUATION.items()}
_LANGUAGE_MODEL_TABLE |= _MARKS | _DELETED | _DIGITS  # type: ignore[arg-type]


def normalize_for_dedup(line: str) -> str:
    """What two lines share when they are the same line: blanks at the ends, case, digits and 34 marks do not count.

    Differs from the CCNet paper as its code does: accents and ASCII punctuation stay. Inner blanks are not collapsed,
    and the ends are not stripped again after marks go: `» Home` gives ` home`.
    """
    return line.strip().lower().translate(_KEY_TABLE)


def normalize_for_language_model(text: str) -> str:
    """The form of a text that CCNet's language models were trained on and score: one line, no case, no accents.

    Nothing is composed again after the accents go, so Hangul leaves as jamo: the published models undo that themselves.
    """
    text = text.strip().lower()
    if not text.isascii():
        text = unicodedata.normalize("NFD", text)
    return text.translate(_LANGUAGE_MODEL_TABLE)
