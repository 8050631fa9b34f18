import pytest

from filters.licenses import (
    MAX_LICENSE_CHARS,
    all_of,
    is_permitted,
    license_of_boilerplate,
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
        (GPL, "GPL-3.0-or-later"),
        (MIT + APACHE, "Apache-2.0 AND MIT"),
        (MIT + GPL, "GPL-3.0-or-later AND MIT"),
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
    ("title", "license"),
    [
        ("GNU GENERAL PUBLIC LICENSE\n  Version 2, June 1991", "GPL-2.0-or-later"),
        ("GNU GENERAL PUBLIC LICENSE\n  Version 3, 29 June 2007", "GPL-3.0-or-later"),
        ("GNU LESSER GENERAL PUBLIC LICENSE\n  Version 2.1, February 1999", "LGPL-2.1-or-later"),
        ("GNU LIBRARY GENERAL PUBLIC LICENSE\n  Version 2, June 1991", "LGPL-2.0-or-later"),
        ("GNU AFFERO GENERAL PUBLIC LICENSE\n  Version 3, 19 November 2007", "AGPL-3.0-or-later"),
        ("See the GNU General Public License", "GPL-2.0-or-later AND LGPL-2.1-or-later AND LicenseRef-Restricted"),
    ],
)
def test_a_gnu_licence_is_its_title_and_not_what_it_speaks_of(title, license):
    text = f"{title}\nOnly for noncommercial distribution. Use the GNU Lesser General Public License instead."
    assert license_of_text(text) == license
    assert set((license_of_text(text + MIT) or "").split(" AND ")) == {"MIT", *license.split(" AND ")}


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
        (["GPL-2.0 OR MIT AND ISC", "MIT"], "(GPL-2.0 OR MIT AND ISC) AND MIT"),
        (["GPL-2.0 OR MIT"], "GPL-2.0 OR MIT"),
    ],
)
def test_expressions_join_to_one_that_asks_for_all(expressions, joined):
    assert all_of(expressions) == joined


@pytest.mark.parametrize(
    ("text", "phrase"),
    [
        (MIT, "Permission is hereby granted"),
        (MIT, "to deal\nin the Software without restriction"),
        (MIT, "the above copyright notice and this permission notice"),
        (APACHE, "version 2.0, january 2004"),
        (APACHE, "terms and conditions for use, reproduction, and distribution"),
        (APACHE, "grant of patent license"),
        (BSD2, "redistribution and use in source and binary forms"),
        (BSD2, "redistributions of source code must retain the above copyright"),
        (BSD2, "redistributions in binary form must reproduce the above copyright"),
    ],
)
def test_a_text_that_lacks_one_of_its_phrases_is_no_licence(text, phrase):
    assert phrase.lower() in text.lower()
    assert license_of_text(text.lower().replace(phrase.lower(), "other words")) is None


@pytest.mark.parametrize(
    ("phrase", "license"),
    [
        ("GNU Affero General Public License", "AGPL-3.0-only"),
        ("GNU Lesser General Public License", "LGPL-2.1-or-later"),
        ("GNU Library General Public License", "LGPL-2.0-or-later"),
        ("GNU General Public License", "GPL-2.0-or-later"),
        ("Mozilla Public License", "MPL-2.0"),
        ("Eclipse Public License", "EPL-2.0"),
        ("Common Development and Distribution License", "CDDL-1.0"),
        ("Creative Commons", "CC-BY-SA-4.0"),
        ("Business Source License", "BUSL-1.1"),
        ("Server Side Public License", "SSPL-1.0"),
        ("“Commons Clause”", "LicenseRef-Restricted"),
        ("for Good, not Evil", "LicenseRef-Restricted"),
        ("non-commercial", "LicenseRef-Restricted"),
        ("noncommercial", "LicenseRef-Restricted"),
        (
            "for use in the design, construction, operation or maintenance of any nuclear facility",
            "LicenseRef-Restricted",
        ),
    ],
)
def test_a_second_licence_is_known_by_its_name_beside_a_permitted_one(phrase, license):
    assert license_of_text(f"It is under the {phrase}.") == license
    assert license_of_text(f"{MIT}\nIt is under the {phrase}.") == " AND ".join(sorted([license, "MIT"]))


@pytest.mark.parametrize("closer", ["*/", "-->", "*)", "-}", "]]", "#>", '"""', "'''", "", " ", "*/ "])
def test_the_end_of_a_comment_is_no_part_of_a_licence(closer):
    assert license_of_notice(f"/* SPDX-License-Identifier: MIT {closer}\n") == "MIT"


@pytest.mark.parametrize("verb", ["redistribute", "modify", "distributed", "licensed", "released", "available", "use"])
def test_a_notice_says_what_may_be_done(verb):
    notice = f"# You find it {verb} under the terms of the GNU General Public Licence."
    assert license_of_notice(notice) == "GPL-2.0-or-later"


@pytest.mark.parametrize(
    ("head", "license"),
    [
        ("released under the GNU Library General Public License", "LGPL-2.0-or-later"),
        ("RELEASED UNDER THE GNU GENERAL PUBLIC LICENSE", "GPL-2.0-or-later"),
        ("released under the GNU Free Documentation License", None),
        ("x" * 21 + "SPDX-License-Identifier: GPL-2.0", None),
        ("-" * 20 + "SPDX-License-Identifier: GPL-2.0", "GPL-2.0"),
        ("-" * 21 + "SPDX-License-Identifier: GPL-2.0", None),
    ],
)
def test_other_heads_say_what_they_say(head, license):
    assert license_of_notice(head) == license


@pytest.mark.parametrize("chars, known", [(300, True), (301, False)])
def test_an_expression_is_bounded(chars, known):
    assert (spdx_expression("MIT OR MIT" + " " * (chars - 10)) is not None) is known


FEE = "Permission to modify, and/or distribute this software for any purpose with or without fee is hereby granted"


@pytest.mark.parametrize(
    ("text", "license"),
    [
        (f"{FEE}, provided that the above copyright notice and this permission notice appear in all copies.", "ISC"),
        (f'{FEE}. THE SOFTWARE IS PROVIDED "AS IS"', "0BSD"),
        (
            "This is free and unencumbered software released into the public domain. Anyone is free to use it, for any"
            " purpose, commercial or non-commercial, and by any means.",
            "Unlicense",
        ),
        ("For any purpose, commercial or non-commercial. Only non-commercial copies.", "LicenseRef-Restricted"),
        (
            "In no event will the authors be held liable for any damages. Altered source versions must be plainly"
            " marked as such.",
            "Zlib",
        ),
        ("Boost Software License - Version 1.0 - August 17th, 2003", "BSL-1.0"),
        (f"{FEE}, provided you pay.", None),
    ],
)
def test_other_permissive_licences_are_known_by_their_text(text, license):
    assert license_of_text(text) == license


APACHE_NOTICE = """/*
 * The ASF licenses this file to You under the Apache License, Version 2.0
 * (the "License"); you may not use this file except in compliance with
 * the License.  You may obtain a copy of the License at
 */
"""


@pytest.mark.parametrize(
    ("head", "license"),
    [
        (APACHE_NOTICE, "Apache-2.0"),
        (APACHE_NOTICE.replace("2.0", "1.1"), None),
        (APACHE_NOTICE + "// under the GNU General Public License", "GPL-2.0-or-later"),
        ("// Licensed under the Apache License, Version 2.0.", None),
        (
            f"/* {FEE}, provided that the above copyright notice and this permission notice appear in all copies */",
            "ISC",
        ),
        ("\n" * 4096 + APACHE_NOTICE, None),
        ("", None),
    ],
)
def test_boilerplate_at_the_top_says_a_licence(head, license):
    assert license_of_boilerplate(head) == license
