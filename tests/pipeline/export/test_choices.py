"""What may be asked for is what can be made."""

from pipeline.export.choices import FORMATS
from pipeline.export.formats import LAYOUTS, PARQUET
from pipeline.export.links import NAMES


def test_each_format_that_may_be_asked_for_can_be_made_and_no_other():
    assert sorted(FORMATS) == sorted([*NAMES, *LAYOUTS, PARQUET])
