import pytest

from trainer.tables import text_table


def test_columns_are_as_wide_as_what_they_hold():
    assert text_table(["model", "GiB"], [["7b", 100.4], ["tiny", 1]]) == "model    GiB\n7b     100.4\ntiny       1"


def test_a_table_of_one_column_has_no_blanks_at_its_ends():
    assert text_table(["model"], [["7b"]]) == "model\n7b"


def test_a_row_of_another_length_is_refused():
    with pytest.raises(ValueError, match="argument"):
        text_table(["model", "GiB"], [["7b"]])
