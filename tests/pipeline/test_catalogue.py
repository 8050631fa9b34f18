"""The generated pages say what the code says."""

import click

from filters.select import LanguageIs
from pipeline.catalogue import commands_page, filter_classes, filters_page, recipe_page
from pipeline.held_out import HoldOut


def test_every_filter_is_found_once():
    found = list(filter_classes())
    assert LanguageIs in found
    assert HoldOut in found
    assert len({rule.name for rule in found}) == len(found)


def test_a_filter_is_shown_with_its_source_and_reasons():
    page = filters_page()
    assert "### `language_is` (LanguageIs)" in page
    section = page[page.index("### `language_is`") :]
    assert section.index("Source: LLaMA section 2.1") < section.index("Reasons: `language_unknown`")


def test_a_command_is_shown_with_its_help():
    @click.group()
    def group():
        """Nothing."""

    @group.command()
    @click.option("--much", help="How much.")
    def work(much):
        """Work hard."""

    page = commands_page(group)
    assert "## `tokenmill work`" in page
    assert "Work hard." in page
    assert "--much TEXT  How much." in page


def test_a_command_below_another_is_shown_after_it():
    @click.group()
    def group():
        """Nothing."""

    @group.group()
    def fetch():
        """Fetch."""

    @fetch.command()
    def books():
        """Fetch books."""

    page = commands_page(group)
    assert (
        page.index("## `tokenmill fetch`")
        < page.index("## `tokenmill fetch books`")
        < page.index("Usage: tokenmill fetch books")
    )


def test_a_key_is_shown_with_bound_and_default():
    page = recipe_page()
    assert "| `tokenizer.vocabulary_size` | int ≥ 300 ≤ 1048576 | `32000` |" in page
    assert "| `name` | str | required |" in page
    assert "| `language.model` | str | empty |" in page


def test_tables_in_a_list_are_shown_below_their_section():
    page = recipe_page()
    section = page[page.index("## `[mixture]`") :]
    assert section.index("### `[[mixture.changes]]`") < section.index(
        "| `mixture.changes.from_step` | int ≥ 1 | required |"
    )
    assert "| `mixture.changes` |" not in page
