import pytest

from pipeline.corpora import repository_licenses
from pipeline.corpora.repository_licenses import FolderLicenses, is_license_file
from pipeline.corpora.source_archives import Member

MIT = (
    "Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated "
    'documentation files (the "Software"), to deal in the Software without restriction. The above copyright notice and '
    "this permission notice shall be included."
)
GPL = "GNU GENERAL PUBLIC LICENSE"


def licenses(**files: str) -> FolderLicenses:
    """`licenses(a__LICENSE=…)`: a double underline is a slash, a single one a dot, as in `package_json`."""
    found = FolderLicenses()
    for name, text in files.items():
        path = name.replace("__", "/").replace("_", ".").replace("PKG.INFO", "PKG-INFO")
        found.add(Member(path, text.encode()))
    return found


@pytest.mark.parametrize(
    ("name", "speaks"),
    [
        ("a-1/LICENSE", True),
        ("a-1/LICENCE.md", True),
        ("a-1/COPYING.LESSER", True),
        ("a-1/license", True),
        ("a-1/MIT-LICENSE", True),
        ("LICENSE", True),
        ("a-1/vendor/x/LICENSE.txt", True),
        ("a-1/LICENSES/MIT.txt", True),
        ("a-1/PKG-INFO", True),
        ("a-1/package.json", True),
        ("a-1/sub/Cargo.toml", True),
        ("a-1/docs/license.md", False),
        ("a-1/license_check.py", False),
        ("a-1/README.md", False),
        ("a-1/src/licenses.py", False),
    ],
)
def test_files_that_speak_of_a_licence_are_known_by_name(name, speaks):
    assert is_license_file(name) is speaks


@pytest.mark.parametrize(
    ("files", "license"),
    [
        ({"a__LICENSE": MIT}, "MIT"),
        ({"a__LICENSE": "all mine"}, None),
        ({}, None),
        ({"a__LICENSE": MIT, "a__COPYING": GPL}, "GPL-2.0-or-later AND MIT"),
        ({"a__PKG_INFO": "Name: a\nLicense-Expression: BSD-3-Clause\n\nbody"}, "BSD-3-Clause"),
        ({"a__PKG_INFO": "Name: a\nLicense: MIT\n"}, "MIT"),
        ({"a__PKG_INFO": "Name: a\nLicense: BSD License\n"}, None),
        ({"a__package_json": '{"license": "MIT"}'}, "MIT"),
        ({"a__package_json": '{"license": {"type": "Apache-2.0"}}'}, "Apache-2.0"),
        ({"a__package_json": '{"license": "UNLICENSED"}'}, None),
        ({"a__package_json": "{broken"}, None),
        ({"a__package_json": "[" * 100_000}, None),
        ({"a__package_json": "[1]"}, None),
        ({"a__Cargo_toml": '[package]\nlicense = "MIT OR Apache-2.0"'}, "MIT OR Apache-2.0"),
        ({"a__Cargo_toml": '[package]\nlicense = "Unlicense/MIT"'}, "Unlicense OR MIT"),
        ({"a__Cargo_toml": '[package]\nlicense = "MIT / Apache-2.0"'}, "MIT OR Apache-2.0"),
        ({"a__package_json": '{"license": "Unlicense/MIT"}'}, None),
        ({"a__pyproject_toml": '[project]\nlicense = {text = "MIT"}'}, "MIT"),
        ({"a__pyproject_toml": "[project"}, None),
        ({"a__pyproject_toml": "project = 1"}, None),
    ],
)
def test_a_repository_says_its_licence_in_many_places(files, license):
    assert licenses(**files).of("a/x.py") == license


@pytest.mark.parametrize(
    ("declared", "text", "license"),
    [
        ("MIT", MIT, "MIT"),
        ("MIT OR Apache-2.0", MIT, "MIT OR Apache-2.0"),
        ("MIT", GPL, "GPL-2.0-or-later AND MIT"),
        ("GPL-2.0-only", GPL, "GPL-2.0-only"),
        ("MIT", "see the website", "MIT"),
    ],
)
def test_a_text_beyond_what_is_declared_is_asked_for_too(declared, text, license):
    assert licenses(a__PKG_INFO=f"License-Expression: {declared}\n", a__LICENSE=text).of("a/x.py") == license


def test_the_nearest_folder_with_a_licence_decides():
    found = licenses(a__LICENSE=MIT, a__vendor__g__COPYING=GPL, a__vendor__h__LICENSE="home made")
    assert found.of("a/vendor/x.py") == "MIT"
    assert found.of("a/vendor/g/deep/x.c") == "GPL-2.0-or-later"
    assert found.of("a/vendor/h/x.c") == "LicenseRef-Unknown"
    assert found.of("b/x.py") is None


@pytest.mark.parametrize(("folder", "license"), [("a", None), ("a__vendor", "LicenseRef-Unknown")])
def test_a_text_that_cannot_be_read_counts_only_below_the_root(folder, license):
    assert licenses(**{f"{folder}__LICENSE": "home made"}).of("a/vendor/x.py") == license


def test_texts_in_a_folder_of_licences_speak_of_the_folder_above():
    assert licenses(a__LICENSES__MIT_txt=MIT).of("a/src/x.py") == "MIT"


def test_the_number_of_folders_is_bounded(monkeypatch):
    monkeypatch.setattr(repository_licenses, "MAX_FOLDERS", 2)
    found = licenses(a__LICENSE=MIT, a__b__LICENSE=MIT, a__c__COPYING=GPL)
    assert found.of("a/c/x.py") == "MIT"
