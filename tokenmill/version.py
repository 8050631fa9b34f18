"""The version of this installation, as pyproject.toml declares it."""

from importlib.metadata import PackageNotFoundError, version


def installed_version() -> str:
    """Such as 0.1.0; "unknown" in a checkout that is not installed, as a trainer's on a machine of its own may be."""
    try:
        return version("tokenmill")
    except PackageNotFoundError:
        return "unknown"
