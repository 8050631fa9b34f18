"""Raised and lowered digits as characters of their own: without its tag `10<sup>9</sup>` would read 109."""

_PLAIN = "0123456789+-−n"
_RAISED = str.maketrans(_PLAIN, "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻ⁿ")
_LOWERED = str.maketrans(_PLAIN, "₀₁₂₃₄₅₆₇₈₉₊₋₋ₙ")


def superscript(text: str) -> str:
    """The text raised, where each of its characters has a raised form; else as it is."""
    return _moved(text, _RAISED)


def subscript(text: str) -> str:
    """The text lowered, where each of its characters has a lowered form; else as it is."""
    return _moved(text, _LOWERED)


def _moved(text: str, forms: dict[int, int]) -> str:
    return text.translate(forms) if all(ord(character) in forms for character in text) else text
