import pytest

from trainer.errors import SettingsError
from trainer.ranks import Ranks

# What several processes do together is tested in test_checkpoint_ranks.py, in one group for all.


def test_a_process_alone_works_by_itself_and_needs_no_group():
    ranks = Ranks()
    assert (ranks.index, ranks.count) == (0, 1)
    assert ranks.gather(lambda: "result") == ["result"]
    assert ranks.first(lambda: "result") == "result"
    ranks.close()


@pytest.mark.parametrize("error", [SettingsError("wrong"), OSError(28, "No space left on device")])
def test_an_error_of_a_process_alone_is_its_own(error):
    with pytest.raises(type(error)) as raised:
        Ranks().gather(lambda: (_ for _ in ()).throw(error))
    assert raised.value is error
