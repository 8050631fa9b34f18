from trainer.errors import SettingsError, TrainingError


def test_a_wrong_setting_is_a_value_error_and_a_broken_run_is_not():
    assert issubclass(SettingsError, ValueError)
    assert not issubclass(TrainingError, ValueError)
