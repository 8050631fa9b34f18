"""Every stage has one name, one place in the order, one line of help, and one thing that carries it out."""

from collections import Counter

from pipeline.group_stages import GROUP_STAGES
from pipeline.map_stages import MAP_STAGES
from pipeline.models import ALL_MODELS
from pipeline.stage_names import MIX, REPORT, STAGE_HELP, STAGES, STEPS, TRAIN, VERIFY

BEHIND_ALL_DOCUMENTS = (MIX, VERIFY, TRAIN, REPORT)


def test_each_stage_stands_once_in_the_order():
    assert sorted(stage for step in STEPS for stage in step) == sorted(set(STAGES))


def test_each_stage_has_a_line_of_help_of_its_own():
    assert sorted(STAGE_HELP) == sorted(STAGES)
    assert len(set(STAGE_HELP.values())) == len(STAGES)


def test_each_stage_is_a_map_stage_a_group_stage_a_fit_or_one_behind_all_documents():
    fits = [model.stage for model in ALL_MODELS]
    carried_out = Counter([*MAP_STAGES, *GROUP_STAGES, *fits, *BEHIND_ALL_DOCUMENTS])
    assert carried_out == Counter(STAGES)


def test_a_line_is_a_sentence_that_fits_a_terminal_twice():
    assert all(text.endswith(".") and text[0].isupper() and len(text) <= 120 for text in STAGE_HELP.values())
