"""Keys of one dump, found again by another, in however many partitions each was judged."""

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import SettingError
from pipeline.key_index import INDEX, KeyIndex, check_earlier, finish_index, index_digest, partition_of
from pipeline.storage import Folder

WORDS = st.lists(st.integers(0, 2**64 - 1), max_size=30)


def sorted_keys(values):
    return np.unique(np.array(values, np.uint64))


def written(root, keys, partitions, kind="lines"):
    """The index of the keys, judged in so many partitions."""
    folder, notes = Folder(str(root / "keys")), Folder(str(root / "notes"))
    index = pickle.loads(pickle.dumps(KeyIndex(kind=kind, folder=folder, notes=notes)))
    for partition in range(partitions):
        index.write(0, partition, keys[partition_of(keys, partitions) == partition])
    outputs = finish_index(folder, notes, [kind], partitions)
    notes.delete("")  # Notes are scratch: the next run begins with none.
    return folder, outputs


def found(folder, keys, partitions, kind="lines"):
    index = KeyIndex(kind=kind, earlier=(folder.url,))
    parts = [keys[partition_of(keys, partitions) == partition] for partition in range(partitions)]
    return np.concatenate([index.known(part, number, partitions) for number, part in enumerate(parts)])


@settings(max_examples=60, deadline=None)
@given(WORDS, WORDS, st.integers(1, 7), st.integers(1, 7))
def test_what_one_dump_has_another_knows_whatever_their_partitions(tmp_path_factory, mine, yours, ours, theirs):
    mine, yours = sorted_keys(mine), sorted_keys([*yours, *mine[::2]])
    folder, _ = written(tmp_path_factory.mktemp("index"), yours, theirs)
    assert found(folder, mine, ours).tolist() == np.isin(mine, yours).tolist()


@pytest.mark.parametrize("edge", [0, 1, 2**32 - 1, 2**32, 2**63 - 1, 2**63, 2**64 - 1, 6148914691236517205])
def test_keys_at_the_edges_of_partitions_are_found(tmp_path, edge):
    keys = sorted_keys([edge])
    folder, _ = written(tmp_path, keys, 3)
    assert [found(folder, keys, partitions).tolist() for partitions in (1, 2, 3, 5, 6)] == [[True]] * 5


def test_partitions_are_equal_ranges_of_the_high_halves():
    keys = np.array([0, 2**62, 2**63 - 1, 2**63, 2**64 - 1], np.uint64)
    assert partition_of(keys, 2).tolist() == [0, 0, 0, 1, 1]
    assert partition_of(keys, 4).tolist() == [0, 1, 1, 2, 3]


def test_files_are_told_with_their_digests_and_nothing_else_stays(tmp_path):
    stray = tmp_path / "keys/lines-00007-00000.keys"
    stray.parent.mkdir()
    stray.write_bytes(b"left by a run that was killed")
    folder, outputs = written(tmp_path, sorted_keys([1, 2**63]), 2)
    assert sorted(outputs) == sorted(folder.list()) == [INDEX, "lines-00000-00000.keys", "lines-00000-00001.keys"]
    assert {name: folder.digest(name) for name in outputs} == {name: item.digest for name, item in outputs.items()}


def test_an_index_that_is_written_anew_holds_nothing_of_the_old_one(tmp_path):
    written(tmp_path, sorted_keys([1, 2**63]), 2)
    folder, outputs = written(tmp_path, sorted_keys([5]), 2)
    assert found(folder, sorted_keys([1, 5, 2**63]), 1).tolist() == [False, True, False]
    assert sorted(outputs) == sorted(folder.list()) == [INDEX, "lines-00000-00000.keys"]


def test_blocks_of_one_partition_lie_side_by_side(tmp_path):
    folder, notes = Folder(str(tmp_path / "keys")), Folder(str(tmp_path / "notes"))
    index = KeyIndex(kind="lines", folder=folder, notes=notes)
    for block, key in enumerate((7, 9)):
        index.write(block, 0, sorted_keys([key]))
    finish_index(folder, notes, ["lines"], 1)
    assert found(folder, sorted_keys([7, 8, 9]), 1).tolist() == [True, False, True]


def test_keys_of_another_kind_are_not_taken_for_ones_own(tmp_path):
    folder, _ = written(tmp_path, sorted_keys([1]), 1, kind="texts")
    assert found(folder, sorted_keys([1]), 1, kind="addresses").tolist() == [False]


def test_nothing_is_written_where_no_index_is_asked_for(tmp_path):
    KeyIndex(kind="lines").write(0, 0, sorted_keys([1]))
    assert list(tmp_path.iterdir()) == []


def test_an_index_that_is_not_there_is_refused_before_any_work(tmp_path):
    with pytest.raises(SettingError, match=r"dedup\.earlier: no key index at .*nowhere; a run with write_keys = true"):
        check_earlier("dedup.earlier", [str(tmp_path / "nowhere")], ["lines"])


def test_an_index_of_other_keys_is_refused_with_both_named(tmp_path):
    folder, _ = written(tmp_path, sorted_keys([1]), 1, kind="lines-sha1")
    check_earlier("dedup.earlier", [folder.url], ["lines-sha1"])
    with pytest.raises(SettingError, match="holds keys of lines-sha1, this run needs lines-xxh64"):
        check_earlier("dedup.earlier", [folder.url], ["lines-xxh64"])


def test_an_index_has_another_digest_with_other_keys(tmp_path):
    folder, _ = written(tmp_path / "a", sorted_keys([1]), 1)
    other, _ = written(tmp_path / "b", sorted_keys([2]), 1)
    same, _ = written(tmp_path / "c", sorted_keys([1]), 1)
    assert index_digest(folder.url) == index_digest(same.url) != index_digest(other.url)


def test_an_index_that_went_away_is_an_error_not_an_empty_one(tmp_path):
    with pytest.raises(FileNotFoundError, match="no key index at"):
        KeyIndex(kind="lines", earlier=(str(tmp_path),)).known(sorted_keys([1]), 0, 1)
