"""What ends a training run, named by the exit code that follows."""


class SettingsError(ValueError):
    """A wrong setting, stream or checkpoint folder: one line, exit code 2, nothing was done."""


class OtherRunError(SettingsError):
    """The output folder holds a run of another stream, or of other settings."""


class TrainingError(RuntimeError):
    """The run cannot go on: one line, exit code 1; a rerun goes on from the newest checkpoint."""


class DamagedCheckpointError(TrainingError):
    """A checkpoint folder that does not hold what its `state.json` says."""
