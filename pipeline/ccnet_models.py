"""CCNet's published cut-offs are used with CCNet's published models, and with no others."""

from collections.abc import Callable

from filters.ccnet_cutoffs import CCNET_CUTOFFS, PIECES
from filters.perplexity import load_pieces
from pipeline.errors import SettingError
from pipeline.recipe import Recipe


def check_ccnet_models(recipe: Recipe, local: Callable[[str], str]) -> None:
    """Raise SettingError where the models are not CCNet's by their names and their number of pieces.

    `local` gives a path on this machine to a file that the recipe names.
    """
    model = recipe.language_model
    if model.language not in CCNET_CUTOFFS:
        known = ", ".join(CCNET_CUTOFFS)
        raise SettingError(
            f'language_model.language must be one of {known} where perplexity.cutoffs is "ccnet", got {model.language}'
        )
    for key, given, name in (
        ("arpa", model.arpa, f"{model.language}.arpa.bin"),
        ("pieces", model.pieces, f"{model.language}.sp.model"),
    ):
        if given.rpartition("/")[2] != name:
            raise SettingError(
                f'language_model.{key} must be CCNet\'s {name} where perplexity.cutoffs is "ccnet",'
                f" got {given or 'none'}"
            )
    try:
        pieces = load_pieces(local(model.pieces)).get_piece_size()
    except ValueError as error:
        raise SettingError(f"language_model.pieces: {error}") from error
    if pieces != PIECES:
        raise SettingError(
            f'language_model.pieces must have CCNet\'s {PIECES} pieces where perplexity.cutoffs is "ccnet",'
            f" got {pieces} in {model.pieces}"
        )
