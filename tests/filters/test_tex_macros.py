"""Tests of filters/tex_macros.py."""

import pytest

from filters.tex_macros import TexMacros


def test_filter_counts_what_it_did_and_rejects_nothing(documents):
    result = TexMacros().apply(documents(r"\def\a{x}\a\a", "", r"\def\m{\@y}\m"))
    assert result.batch.column("text").to_pylist() == ["xx", "", r"\def\m{\@y}\m"]
    assert result.reason.to_pylist() == [None, None, None]
    assert result.counts == {"macros_expanded": 2, "macros_unexpanded": 1, "definitions_removed": 1}


def test_setting_out_of_bounds_is_refused():
    with pytest.raises(ValueError, match="max_expansion must be at least 1, got 0"):
        TexMacros(max_expansion=0)
