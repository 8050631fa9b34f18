"""A look at very many files of a store takes few requests, and sees what is there."""

import pickle

import fsspec
import pytest

from pipeline import listed as module
from pipeline.listed import listed
from pipeline.remote import RemotePath
from pipeline.storage import Folder


@pytest.fixture
def folder():
    made = Folder("memory://run")
    for number in range(20):
        made.write_json(f"ledger/clean/c4/{number:02}.json", {"unit": number})
    made.write_text("ledger/clean/c4/half.json", "{")
    yield made
    fsspec.filesystem("memory").rm("/run", recursive=True)


@pytest.fixture
def asked(monkeypatch):
    """What the store is asked, call by call."""
    calls = []
    do = RemotePath._do
    monkeypatch.setattr(
        RemotePath, "_do", lambda path, operation, call: calls.append(operation) or do(path, operation, call)
    )
    return calls


def test_a_folder_of_this_machine_needs_no_view(tmp_path):
    assert listed(Folder(str(tmp_path))) == Folder(str(tmp_path))


def test_many_questions_about_files_are_one_request(folder, asked):
    view = listed(folder)
    names = [f"ledger/clean/c4/{number:02}.json" for number in range(20)]
    assert [view.size(name) for name in names] == [len(b'{\n "unit": 1\n}\n') + (n > 9) for n in range(20)]
    assert [view.exists(name) for name in names] == [True] * 20
    assert len({view.fingerprint(name) for name in names}) >= 1
    assert asked == ["list"]


def test_many_small_files_are_read_together(folder, asked, monkeypatch):
    monkeypatch.setattr(module, "_READ_AT_ONCE", 8)
    view = listed(folder)
    assert [view.read_json(f"ledger/clean/c4/{number:02}.json") for number in range(20)] == [
        {"unit": n} for n in range(20)
    ]
    assert asked == ["list", "read", "read", "read"]


def test_a_file_that_is_not_there_is_known_without_asking(folder, asked):
    view = listed(folder)
    assert view.list("ledger/clean/c4/")[-1] == "half.json"
    assert (view.read_json("ledger/clean/c4/none.json"), view.size("ledger/clean/c4/none.json")) == (None, None)
    assert not view.exists("ledger/clean/c4/none.json")
    assert asked == ["list"]


def test_the_view_says_what_the_folder_says(folder):
    view = listed(folder)
    for name in ("ledger/clean/c4/03.json", "ledger/clean/c4/half.json", "nowhere/x", "ledger"):
        assert (view.exists(name), view.read_json(name)) == (
            folder.exists(name),
            folder.read_json(name) if "." in name else None,
        )
    assert view.fingerprint("ledger/clean/c4/03.json") == folder.fingerprint("ledger/clean/c4/03.json")
    assert view.list("ledger") == folder.list("ledger") == ["clean"]


def test_a_worker_is_given_the_folder_and_not_the_view(folder):
    view = listed(folder)
    view.size("ledger/clean/c4/03.json")
    assert type(pickle.loads(pickle.dumps(view))) is Folder
