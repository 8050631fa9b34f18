import runpy
import sys

import pytest


@pytest.mark.parametrize("argument, code, said", [("--help", 0, "Usage: tokenmill-trainer"), ("nothing", 2, "error: ")])
def test_the_package_is_the_command_and_ends_with_its_exit_code(monkeypatch, capsys, argument, code, said):
    monkeypatch.setattr(sys, "argv", ["trainer", argument])
    with pytest.raises(SystemExit) as ended:
        runpy.run_module("trainer", run_name="__main__")
    assert ended.value.code == code and "".join(capsys.readouterr()).startswith(said)
