"""Each stage has its line of help."""

from pipeline.conductor import STAGES
from pipeline.stage_names import STAGE_HELP


def test_each_stage_has_a_line_of_help_that_is_its_own():
    assert sorted(STAGE_HELP) == sorted(STAGES)
    assert len(set(STAGE_HELP.values())) == len(STAGES)


def test_a_line_is_a_sentence_that_fits_a_terminal_twice():
    assert all(text.endswith(".") and text[0].isupper() and len(text) <= 120 for text in STAGE_HELP.values())
