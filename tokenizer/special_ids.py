"""The ids of the pieces that stand for no text: LLaMA's, and of every model that a run trains or is given.

Masks of attention, targets and takedowns know them by these numbers, so a model with others is refused before any text
is tokenized (`Vocabulary.faults`).
"""

UNK, BOS, EOS = 0, 1, 2
