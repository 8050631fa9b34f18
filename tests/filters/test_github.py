import pytest

from filters.github import (
    LINK_MARK,
    AlphanumericFraction,
    LicenseIs,
    LineLengths,
    PathIsCode,
    ReadableText,
    StripLicenseHeader,
)

PERMITTED = ("MIT", "Apache-2.0")


@pytest.mark.parametrize(
    ("license", "reason"),
    [
        ("MIT", None),
        ("Apache-2.0 OR GPL-2.0-only", None),
        ("GPL-2.0-only", "license_not_permitted"),
        ("MIT AND GPL-2.0-only", "license_not_permitted"),
        ("LicenseRef-Unknown", "license_unknown"),
        ("LicenseRef-Unknown AND MIT", "license_unknown"),
        (None, "license_unknown"),
    ],
)
def test_a_file_needs_a_permitted_licence(documents, license, reason):
    result = LicenseIs(licenses=PERMITTED).apply(documents("x = 1", license=license))
    assert result.reason.to_pylist() == [reason]
    assert result.counts == {"file_licenses": 0}


@pytest.mark.parametrize(
    ("license", "head", "own", "reason"),
    [
        ("MIT", "# SPDX-License-Identifier: GPL-3.0-only", "GPL-3.0-only", "license_not_permitted"),
        ("GPL-3.0-only", "# SPDX-License-Identifier: MIT", "MIT", None),
        (
            "MIT",
            "# modify it under the terms of the GNU General Public License",
            "GPL-2.0-or-later",
            "license_not_permitted",
        ),
        ("MIT", "# SPDX-License-Identifier: Home-Made", "LicenseRef-Unknown", "license_unknown"),
    ],
)
def test_a_files_own_licence_goes_before_its_repositorys(documents, license, head, own, reason):
    result = LicenseIs(licenses=PERMITTED).apply(documents(f"{head}\nx = 1\n", license=license))
    assert result.batch.column("license").to_pylist() == [own]
    assert result.reason.to_pylist() == [reason]
    assert result.counts == {"file_licenses": 1}


APACHE = """// Licensed under the Apache License, Version 2.0 (the "License");
// you may not use this file except in compliance with the License.
"""


@pytest.mark.parametrize(
    ("license", "found", "reason"),
    [
        (None, "Apache-2.0", None),
        ("GPL-3.0-only", "GPL-3.0-only", "license_not_permitted"),
        ("LicenseRef-Unknown", "LicenseRef-Unknown", "license_unknown"),
    ],
)
def test_boilerplate_counts_where_the_repository_says_nothing(documents, license, found, reason):
    result = LicenseIs(licenses=PERMITTED).apply(documents(APACHE, license=license))
    assert result.batch.column("license").to_pylist() == [found]
    assert result.reason.to_pylist() == [reason]
    assert result.counts == {"file_licenses": int(license is None)}


@pytest.mark.parametrize(
    ("licenses", "says"), [((), "licenses must name"), (("mit",), "got mit"), (("Foo",), "got Foo")]
)
def test_permitted_licences_are_identifiers_of_spdx(licenses, says):
    with pytest.raises(ValueError, match=says):
        LicenseIs(licenses=licenses)


@pytest.mark.parametrize(
    ("path", "kept"),
    [
        ("a.py", True),
        ("deep/down/a.b.py", True),
        ("Makefile", True),
        ("x/Makefile", True),
        ("base.Makefile", True),
        ("NotMakefile", False),
        ("a.PY", False),
        ("py", False),
        ("a.py/b", False),
        ("a.crt", False),
        ("LICENSE", False),
        ("", False),
        (None, False),
    ],
)
def test_a_path_is_code_by_its_ending(documents, path, kept):
    result = PathIsCode(extensions=("py", "md"), file_names=("Makefile",)).apply(documents("", path=path))
    assert result.reason.to_pylist() == [None if kept else "extension_not_kept"]
    assert result.counts == {}


@pytest.mark.parametrize(
    ("path", "is_license"),
    [
        ("LICENSE.md", True),
        ("docs/licence.rst", True),
        ("x/COPYING.html", True),
        ("LICENSE-MIT.md", True),
        ("Licenses_third-party.md", True),
        ("NOTICE.md", True),
        ("UNLICENSE.md", True),
        ("license.py", False),
        ("license-checker.md", False),
        ("my-license.md", False),
        ("copying-files.md", False),
    ],
)
def test_a_licence_is_no_code_whatever_its_ending(documents, path, is_license):
    result = PathIsCode(extensions=("py", "md", "rst", "html")).apply(documents("", path=path))
    assert result.reason.to_pylist() == ["license_text" if is_license else None]
    assert result.counts == {}


def test_some_extension_or_name_must_be_kept():
    with pytest.raises(ValueError, match="at least one file"):
        PathIsCode(extensions=(), file_names=())


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("x" * 100, None),
        ("x" * 101, "file_too_large"),
        ("é" * 50, None),
        ("é" * 51, "file_too_large"),
        ("", "empty_text"),
        (" \n\t", "empty_text"),
        ("a\0b", "binary"),
        ("\0", "binary"),
        ("\ufffd" + "x" * 97, "binary"),
        (LINK_MARK + "../y.py", "link"),
        ("../y.py", None),
    ],
)
def test_a_file_is_text_of_a_bounded_size(documents, text, reason):
    result = ReadableText(max_file_bytes=100).apply(documents(text))
    assert result.reason.to_pylist() == [reason]
    assert result.counts == {}


def test_one_character_in_a_hundred_may_be_lost(documents):
    batch = documents("\ufffd" + "x" * 99, "\ufffd" + "x" * 98)
    assert ReadableText(max_file_bytes=1000).apply(batch).reason.to_pylist() == [None, "binary"]


def test_a_size_is_at_least_a_byte():
    with pytest.raises(ValueError, match="max_file_bytes must be at least 1, got 0"):
        ReadableText(max_file_bytes=0)


def test_headers_are_taken_off_by_the_language_of_the_path(documents):
    batch = documents("# Copyright 2020 X\nx = 1\n", "y = 2\n", "", path="a.py")
    result = StripLicenseHeader().apply(batch)
    assert result.batch.column("text").to_pylist() == ["x = 1\n", "y = 2\n", ""]
    assert result.reason.to_pylist() == [None, None, None]
    assert result.counts == {"headers_removed": 1}


def test_a_file_that_is_only_a_header_is_rejected_with_its_text(documents):
    result = StripLicenseHeader().apply(documents("# Copyright 2020 X\n", path="a.py"))
    assert result.reason.to_pylist() == ["only_a_header"]
    assert result.batch.column("text").to_pylist() == ["# Copyright 2020 X\n"]


def test_without_a_path_nothing_is_taken_off(documents):
    assert StripLicenseHeader().apply(documents("# Copyright 2020\nx")).counts == {"headers_removed": 0}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("x" * 20 + "\n\n", None),
        ("x" * 21 + "\n\n\n", "line_too_long"),
        ("x" * 10, None),
        ("x" * 11, "mean_line_too_long"),
        ("x" * 10 + "\r\n" + "x" * 10 + "\r\n", None),
        ("x" * 10 + "\n" + "x" * 11, "mean_line_too_long"),
        ("", None),
    ],
)
def test_lines_are_bounded_alone_and_in_the_mean(documents, text, reason):
    result = LineLengths(max_line_chars=20, max_mean_line_chars=10).apply(documents(text))
    assert result.reason.to_pylist() == [reason]
    assert result.counts == {}


@pytest.mark.parametrize("name", ["max_line_chars", "max_mean_line_chars"])
def test_a_line_has_at_least_a_character(name):
    with pytest.raises(ValueError, match=f"{name} must be at least 1, got 0"):
        LineLengths(**{name: 0})


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a---", None),
        ("a----", "too_few_alphanumeric"),
        ("1---", None),
        ("é---", None),
        ("", None),
        ("-", "too_few_alphanumeric"),
    ],
)
def test_a_quarter_must_be_letters_and_digits(documents, text, reason):
    result = AlphanumericFraction(min_alphanumeric_fraction=0.25).apply(documents(text))
    assert result.reason.to_pylist() == [reason]
    assert result.counts == {}


@pytest.mark.parametrize("fraction", [-0.1, 1.1])
def test_a_fraction_lies_between_none_and_all(fraction):
    with pytest.raises(ValueError, match="min_alphanumeric_fraction must be from 0 to 1"):
        AlphanumericFraction(min_alphanumeric_fraction=fraction)


@pytest.mark.parametrize(
    "rule", [LicenseIs(licenses=PERMITTED), ReadableText(max_file_bytes=9), StripLicenseHeader(), LineLengths()]
)
def test_no_rule_drops_a_row_or_touches_its_input(documents, rule):
    batch = documents("", "# Copyright 2020 X\nx", "\0" * 20, path="a.py", license="mit")
    before = batch.to_pylist()
    assert rule.apply(batch).batch.num_rows == 3
    assert batch.to_pylist() == before


@pytest.mark.parametrize(
    "stem",
    "LICENSE licence Licenses LICENCES Unlicense UNLICENCE COPYING Copyright NOTICE PATENTS "
    "LICENSE-mit LICENSE.apache LICENSE_BSD license-isc license-zlib LICENSE-GPL COPYING-lgpl COPYING.AGPL3 "
    "LICENSE-mpl LICENSE-cc LICENSE.CC0 NOTICE-thirdparty NOTICE_third_party LICENSE-third-party "
    "LICENSE-3rdparty LICENSE.3rd-party LICENSE-MIT-0 LICENSE-BSD-3-Clause LICENSE-apache-2.0".split(),
)
@pytest.mark.parametrize("suffix", ["md", "markdown", "rst", "html", "tex"])
def test_a_licences_text_is_known_by_each_of_its_names(documents, stem, suffix):
    rule = PathIsCode(extensions=("md", "markdown", "rst", "html", "tex"))
    assert rule.apply(documents("", path=f"docs/{stem}.{suffix}")).reason.to_pylist() == ["license_text"]


@pytest.mark.parametrize("name", ["licensed.md", "LICENSE-x.md", "LICENSES-of-the-poet.rst", "noticed.tex", "copy.md"])
def test_a_name_that_only_begins_like_a_licence_is_code(documents, name):
    rule = PathIsCode(extensions=("md", "rst", "tex"))
    assert rule.apply(documents("", path=name)).reason.to_pylist() == [None]


def test_the_smallest_bounds_are_allowed_and_hold(documents):
    batch = documents("a\nb\n", "ab\n", "")
    rule = LineLengths(max_line_chars=1, max_mean_line_chars=1)
    assert rule.apply(batch).reason.to_pylist() == [None, "line_too_long", None]
    assert ReadableText(max_file_bytes=1).apply(documents("a", "ab")).reason.to_pylist() == [None, "file_too_large"]
    assert AlphanumericFraction(min_alphanumeric_fraction=0).apply(documents("--")).reason.to_pylist() == [None]
    assert AlphanumericFraction(min_alphanumeric_fraction=1).apply(documents("ab", "a-")).reason.to_pylist() == [
        None,
        "too_few_alphanumeric",
    ]
