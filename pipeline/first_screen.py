"""What `tokenmill` alone says: what it is, what to try first, and its commands by what a person wants."""

import textwrap
from collections.abc import Iterator

import click

from pipeline.spelling import nearest_name
from pipeline.stage_names import STAGE_HELP

COMMANDS = {
    "Begin": {
        "doctor": "what is installed, what is missing, and the command that mends it",
        "demo-input": "make raw dumps of all seven sources on this machine, to play with",
        "init": "write a recipe of your own, for the sources that you have",
        "recipes": "the recipes that ship",
        "completion": "let your shell complete commands, options and recipe keys",
    },
    "Build a corpus": {
        "fetch": "bring raw dumps from their sites",
        "plan": "time, room and money that a run will take, from a sample",
        "run": "every stage in order; run it again and it goes on",
        "export": "the tokens in the files of another trainer",
    },
    "Look into a run": {
        "explain": "which document a token is of, which steps read a document",
        "takedown": "take documents out of a finished run",
        "tokenizer-report": "what any SentencePiece model is like",
        "drill": "kill a run at random, and compare the bytes",
        "catalogue": "print the pages about filters, commands and recipe keys",
    },
}
"""Sections of commands that are no stage, with what each is for."""

_FIRST = (
    ("tokenmill doctor", "is all here that a run needs?"),
    ("tokenmill demo-input out/demo-dumps", "raw dumps to play with"),
    ("tokenmill run demo --output out/demo", "every stage, to a model and report.html"),
)
_WIDTH = 80


class FirstScreen(click.Group):
    """A group of commands whose help fits on one screen, and that names the nearest of them to a misspelt one."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order in which they are shown: stages in theirs, at the end."""
        return [*(name for section in COMMANDS.values() for name in section), *STAGE_HELP]

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The one screen, whatever the width."""
        formatter.write("\n".join(first_screen(self.help or "")) + "\n")

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As Click does; a name that is none names the nearest."""
        if args and not args[0].startswith("-") and args[0] not in self.commands:
            raise click.UsageError(f"no command {args[0]}{nearest_name(args[0], self.list_commands(ctx))}")
        return super().resolve_command(ctx, args)


def first_screen(text: str) -> Iterator[str]:
    """The lines of it."""
    yield "Usage: tokenmill COMMAND … (tokenmill COMMAND --help: what it does, and an example)"
    yield ""
    yield from textwrap.wrap(" ".join(text.split()), _WIDTH)
    yield ""
    yield "Try first:"
    yield from (f"  {command:<38}{what}" for command, what in _FIRST)
    for title, commands in COMMANDS.items():
        yield ""
        yield f"{title}:"
        yield from (f"  {name:<18}{what}" for name, what in commands.items())
    yield ""
    yield "Do one stage of a run; each takes RECIPE --output DIR, as run does:"
    stages = textwrap.wrap("  ".join(STAGE_HELP), _WIDTH - 2, break_on_hyphens=False)
    yield from (f"  {line}" for line in stages)
    yield ""
    yield "RECIPE is a TOML file, or the name of one that ships. --version says which this is."
