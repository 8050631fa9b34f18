import stat

import pytest

from benchmarks import language_model
from benchmarks.claims import DisagreementError, SkippedError
from benchmarks.language_model import compare_arpa, train_lm

ARPA = """\\data\\
ngram 1=3
ngram 2=1

\\1-grams:
-1.0\t<unk>\t0
-99\t<s>\t-0.3
-0.5\ta\t-0.2

\\2-grams:
-0.1\t<s> a

\\end\\
"""


def write(path, text):
    path.write_text(text)
    return path


def test_without_lmplz_the_claim_is_skipped(inputs, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(SkippedError, match="lmplz is not on PATH"):
        train_lm(inputs)


def test_train_lm_gives_figures_beside_what_lmplz_writes(inputs, monkeypatch, tmp_path):
    lmplz = write(tmp_path / "lmplz", '#!/bin/sh\nfor last; do :; done\nexec >"$last"\necho made\n')
    lmplz.chmod(lmplz.stat().st_mode | stat.S_IEXEC)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(language_model, "compare_arpa", lambda ours, reference: None)
    figures = train_lm(inputs)
    assert (inputs.work / "reference.arpa").read_text() == "made\n"
    assert "5-grams" in (inputs.work / "ours.arpa").read_text()
    text = (inputs.work / "pieces.txt").read_text()
    assert figures.input_bytes == len(text.encode())
    assert len(text.split()) >= 10_000_000 * inputs.fraction


@pytest.mark.parametrize(
    "change",
    [
        ("-0.1\t<s> a", "-0.10009\t<s> a"),
        ("-99\t<s>", "0\t<s>"),
        ("-1.0\t<unk>\t0\n-99\t<s>\t-0.3", "-99\t<s>\t-0.3\n-1.0\t<unk>\t0"),
    ],
)
def test_models_are_the_same_but_for_order_and_a_last_digit(tmp_path, change):
    compare_arpa(write(tmp_path / "a", ARPA), write(tmp_path / "b", ARPA.replace(*change)))


@pytest.mark.parametrize(
    "change, message",
    [
        (("-0.1\t<s> a", "-0.1002\t<s> a"), "2-grams is 0.0002 off"),
        (("-0.5\ta\t-0.2", "-0.5\ta\t-0.21"), "1-grams is 0.01 off"),
        (("-0.1\t<s> a", "-0.1\t<s> b"), "different 2-grams"),
        (("ngram 2=1", "ngram 2=0"), "different 2-grams"),
        (("\\2-grams", "\\3-grams"), "b does not hold the 2-grams"),
    ],
)
def test_models_that_differ_are_found_out(tmp_path, change, message):
    with pytest.raises(DisagreementError, match=message):
        compare_arpa(write(tmp_path / "a", ARPA), write(tmp_path / "b", ARPA.replace(*change)))
