"""The version is that of the installation."""

from importlib.metadata import version

from tokenmill import version as module


def test_the_version_is_the_installed_one():
    assert module.installed_version() == version("tokenmill")


def test_a_checkout_that_is_not_installed_has_none(monkeypatch):
    monkeypatch.setattr(module, "version", lambda name: version("no-such-distribution"))
    assert module.installed_version() == "unknown"
