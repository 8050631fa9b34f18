import pytest

from trainer.errors import SettingsError
from trainer.step_span import StepSpan


@pytest.mark.parametrize("text, steps", [("7", [7]), ("3:5", [3, 4, 5]), ("1:1", [1])])
def test_a_span_holds_both_its_ends(text, steps):
    span = StepSpan.parse("--profile", text)
    assert [step for step in range(10) if step in span] == steps
    assert StepSpan.parse("--profile", str(span)) == span


@pytest.mark.parametrize("text", ["", "a", "3:", ":3", "-1:2", "3:4:5", "3 : 4", "9" * 19])
def test_what_is_no_span_is_refused_with_the_option_named(text):
    with pytest.raises(SettingsError, match=f"--skip-steps must be STEP or FIRST:LAST, got {text!r}"):
        StepSpan.parse("--skip-steps", text)


@pytest.mark.parametrize("text", ["0", "0:2", "5:4"])
def test_steps_count_from_one_and_upwards(text):
    with pytest.raises(SettingsError, match=f"--profile must be FIRST:LAST with 1 <= FIRST <= LAST, got {text}"):
        StepSpan.parse("--profile", text)
