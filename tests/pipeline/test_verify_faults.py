"""A fault has a name that is explained, a place, and one line."""

from pathlib import Path

import pytest

from pipeline.verify_faults import FAULTS, Fault

DOCS = Path(__file__).parent.parent.parent / "docs"


def test_a_fault_is_one_line():
    fault = Fault(name="eos_missing", where="tokens/c4/a.bin", detail="no EOS")
    assert str(fault) == "eos_missing in tokens/c4/a.bin: no EOS"
    assert fault.to_json() == {"name": "eos_missing", "where": "tokens/c4/a.bin", "detail": "no EOS"}


def test_a_fault_that_is_not_explained_cannot_be():
    with pytest.raises(ValueError, match="odd is no fault's name"):
        Fault(name="odd", where="a", detail="b")


@pytest.mark.parametrize("name", FAULTS)
def test_each_fault_is_documented_as_it_is_explained_here(name):
    assert f"| `{name}` | {FAULTS[name]} |" in (DOCS / "verify.md").read_text()


@pytest.mark.parametrize("name", FAULTS)
def test_each_fault_is_made_by_a_test(name):
    tests = "".join(
        path.read_text() for path in Path(__file__).parent.glob("test_verify*.py") if path != Path(__file__)
    )
    tests += Path(__file__).with_name("corruptions.py").read_text()
    assert f'"{name}"' in tests
