"""CCNet's cut-offs are refused for models that are not CCNet's."""

import pytest
from small_web import recipe

from filters.ccnet_cutoffs import PIECES
from pipeline import ccnet_models
from pipeline.ccnet_models import check_ccnet_models
from pipeline.errors import SettingError

OURS = {"arpa": "models/en.arpa.bin", "pieces": "models/en.sp.model"}


class Pieces:
    def __init__(self, count):
        self.count = count

    def get_piece_size(self):
        return self.count


def ccnet(**model):
    return recipe(perplexity={"cutoffs": "ccnet"}, language_model=OURS | model)


def check(settings, monkeypatch, pieces=PIECES):
    opened = []
    monkeypatch.setattr(ccnet_models, "load_pieces", lambda path: opened.append(path) or Pieces(pieces))
    check_ccnet_models(settings, lambda path: f"/local/{path}")
    return opened


def test_ccnets_models_pass(monkeypatch):
    assert check(ccnet(), monkeypatch) == ["/local/models/en.sp.model"]
    german = ccnet(language="de", arpa="de.arpa.bin", pieces="de.sp.model")
    assert check(german, monkeypatch) == ["/local/de.sp.model"]


@pytest.mark.parametrize(
    "model, message",
    [
        ({"language": "sv"}, r'language_model\.language must be one of de, it, .* is "ccnet", got sv'),
        ({"arpa": "lm.arpa"}, r"language_model\.arpa must be CCNet's en\.arpa\.bin .* got lm\.arpa"),
        ({"pieces": "de.sp.model"}, r"language_model\.pieces must be CCNet's en\.sp\.model .* got de\.sp\.model"),
        ({"arpa": "", "pieces": ""}, r"language_model\.arpa must be CCNet's en\.arpa\.bin .* got none"),
    ],
)
def test_models_of_another_name_are_refused(model, message, monkeypatch):
    with pytest.raises(SettingError, match=message) as caught:
        check(ccnet(**model), monkeypatch)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("pieces", [PIECES - 1, PIECES + 1])
def test_another_number_of_pieces_is_refused(pieces, monkeypatch):
    with pytest.raises(SettingError, match=f"must have CCNet's 65536 pieces .* got {pieces} in models/en.sp.model"):
        check(ccnet(), monkeypatch, pieces)


def test_what_is_no_model_is_refused(tmp_path):
    (tmp_path / "en.sp.model").write_text("no model")
    with pytest.raises(SettingError, match=r"language_model\.pieces: .*is no SentencePiece model"):
        check_ccnet_models(ccnet(), lambda _: str(tmp_path / "en.sp.model"))
