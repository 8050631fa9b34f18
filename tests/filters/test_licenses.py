import pytest

from filters.licenses import (
    MAX_LICENSE_CHARS,
    all_of,
    is_permitted,
    license_of_notice,
    license_of_text,
    spdx_expression,
)

MIT = """Copyright (c) 2020 Someone

Permission is hereby granted, free of charge, to any person obtaining a copy
of this software and associated documentation files (the "Software"), to deal
in the Software without restriction, including without limitation the rights
to use it.

The above copyright notice and this permission notice shall be included in all copies.
THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND."""
BSD2 = """Redistribution and use in source and binary forms, with or without
modification, are permitted provided that the following conditions are met:
1. Redistributions of source code must retain the above copyright notice.
2. Redistributions in binary form must reproduce the above copyright notice."""
BSD3 = BSD2 + "\n3. The names may not be used to endorse or promote products derived from this software."
BSD4 = BSD2 + "\n3. All advertising materials mentioning features or use of this software must say so."
CLEAR = BSD3 + "\nNO EXPRESS OR IMPLIED LICENSES TO ANY PARTY'S PATENT RIGHTS ARE GRANTED."
APACHE = """Apache License
Version 2.0, January 2004
TERMS AND CONDITIONS FOR USE, REPRODUCTION, AND DISTRIBUTION
3. Grant of Patent License."""
GPL = "GNU GENERAL PUBLIC LICENSE\nVersion 3, 29 June 2007"


@pytest.mark.parametrize(
    ("key", "expression"),
    [
        ("mit", "MIT"),
        ("bsd-3-clause", "BSD-3-Clause"),
        ("apache-2.0", "Apache-2.0"),
        ("gpl-2.0", "GPL-2.0"),
        ("(mit OR apache-2.0)", "(MIT OR Apache-2.0)"),
        ("Apache-2.0 with LLVM-exception", "Apache-2.0 WITH LLVM-exception"),
        ("UNLICENSED", None),
        ("SEE LICENSE IN x", None),
        ("BSD", None),
        ("mit AND", None),
        ("((mit", None),
        ("", None),
        (None, None),
        ("(" * 200 + "mit" + ")" * 200, None),
    ],
)
def test_a_key_is_spelt_as_spdx_spells_it(key, expression):
    assert spdx_expression(key) == expression


@pytest.mark.parametrize(
    ("text", "license"),
    [
        (MIT, "MIT"),
        (MIT.upper(), "MIT"),
        (MIT.replace("\n", "\n * "), "MIT"),
        (BSD2, "BSD-2-Clause"),
        (BSD3, "BSD-3-Clause"),
        (BSD4, "BSD-4-Clause"),
        (CLEAR, "BSD-3-Clause-Clear"),
        (APACHE, "Apache-2.0"),
        (GPL, "GPL-2.0-or-later"),
        (MIT + APACHE, "Apache-2.0 AND MIT"),
        (MIT + GPL, "GPL-2.0-or-later AND MIT"),
        (MIT + "The Software shall be used for Good, not Evil.", "LicenseRef-Restricted AND MIT"),
        (MIT + "Not for non-commercial use.", "LicenseRef-Restricted AND MIT"),
        (MIT.replace("without restriction", "for research"), None),
        ("MIT License", None),
        ("", None),
        (" " * MAX_LICENSE_CHARS + MIT, None),
    ],
)
def test_a_licence_is_known_by_its_text(text, license):
    assert license_of_text(text) == license


@pytest.mark.parametrize(
    ("head", "license"),
    [
        ("# SPDX-License-Identifier: MIT\n", "MIT"),
        ("#!/bin/sh\n# spdx-license-identifier: mit\n", "MIT"),
        ("/* SPDX-License-Identifier: GPL-2.0 OR MIT */\n", "GPL-2.0 OR MIT"),
        ("<!-- SPDX-License-Identifier: MIT -->\n", "MIT"),
        ("// SPDX-License-Identifier: Mine\n", "LicenseRef-Unknown"),
        ("# SPDX-License-Identifier: MIT\n# SPDX-License-Identifier: ISC\n", "ISC AND MIT"),
        ('text = "SPDX-License-Identifier: GPL-2.0"\n', None),
        ("\n" * 5000 + "# SPDX-License-Identifier: GPL-2.0", None),
        (
            "# you can redistribute it and/or modify\n# it under the terms of the GNU General Public License",
            "GPL-2.0-or-later",
        ),
        (" * modify it under the terms of the GNU Lesser General Public License", "LGPL-2.1-or-later"),
        ("# licensed under the GNU Affero General Public License", "AGPL-3.0-only"),
        ("# how to tell the GNU General Public License from others", None),
        ("import os\n", None),
        ("", None),
    ],
)
def test_a_file_may_say_its_own_licence(head, license):
    assert license_of_notice(head) == license


@pytest.mark.parametrize(
    ("expression", "permitted"),
    [
        ("MIT", True),
        ("GPL-2.0-only", False),
        ("MIT AND ISC", False),
        ("MIT AND Apache-2.0", True),
        ("GPL-2.0-only OR MIT", True),
        ("GPL-2.0-only OR ISC", False),
        ("MIT OR ISC AND ISC", True),
        ("(MIT OR ISC) AND ISC", False),
        ("(MIT OR ISC) AND (ISC OR Apache-2.0)", True),
        ("Apache-2.0 WITH LLVM-exception", True),
        ("GPL-2.0-only WITH Classpath-exception-2.0", False),
        ("Apache-2.0+", True),
        ("", False),
        ("MIT)", False),
    ],
)
def test_an_expression_is_met_with_permitted_licences_alone(expression, permitted):
    assert is_permitted(expression, ("MIT", "Apache-2.0")) is permitted


@pytest.mark.parametrize(
    ("expressions", "joined"),
    [
        ([], None),
        (["MIT", "MIT"], "MIT"),
        (["MIT", "ISC AND MIT"], "ISC AND MIT"),
        (["MIT OR ISC", "MIT"], "MIT AND (MIT OR ISC)"),
    ],
)
def test_expressions_join_to_one_that_asks_for_all(expressions, joined):
    assert all_of(expressions) == joined
