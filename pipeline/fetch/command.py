"""`tokenmill fetch SOURCE …`: what each source needs to be told, and the options that all of them share."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipeline.errors import FatalError, SettingError
from pipeline.fetch.transfer import TransferError
from pipeline.fetch.wanted import Plan
from pipeline.options import json_option
from pipeline.redact import redacted

if TYPE_CHECKING:
    from pipeline.fetch.session import Session

MAX_LIST_BYTES = 16 << 20
FILES_HELP = "Slice of the listing, FIRST:LAST from 0, LAST left out; `:` is all of it."


@click.group()
def fetch() -> None:
    """Fetch raw dumps: listed, resumed where they were cut off, verified, and laid out as recipes look for them.

    \b
    Example: tokenmill fetch commoncrawl --dump CC-MAIN-2019-18 --files 0:40 --to dumps
             tokenmill fetch wikipedia --date 20220820 --languages en,de --to dumps
             tokenmill fetch stackexchange --sites coffee.stackexchange.com --to dumps
             tokenmill fetch gutenberg --ids 84,1342 --to dumps
             tokenmill fetch arxiv --manifest arXiv_src_manifest.xml --base-url s3://arxiv --to dumps

    Files come into --to/SOURCE, where `inputs.root` finds them. Run a command again and it goes on: what is there and
    verified is not asked for, what came in part is asked for from where it ended. A file that arrives spoiled is asked
    for again, then put aside in --to/SOURCE/.fetch/quarantine with the reason. Where a server asks for rest (403, 429,
    503) all downloads rest, as long as it says or twice as long each time.

    \b
    Exit codes: 0 all files are there; 1 some failed, the others are there; 2 a wrong setting; 130 interrupted.
    """


def _shared(base_url: str | None) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """The options that all sources share."""
    options = (
        click.option("--to", type=click.Path(file_okay=False, path_type=Path), default="dumps", show_default=True,
                     help="Folder that the source's folder lies in; the recipe's inputs.root."),
        click.option("--base-url", metavar="URL", help="Where the files are: https:// of a mirror, s3:// and the like.",
                     **({"default": base_url, "show_default": True} if base_url else {"required": True})),
        click.option("--parallel", type=click.IntRange(1, 16), default=4, show_default=True, help="Files at once."),
        click.option("--attempts", type=click.IntRange(1), default=10, show_default=True,
                     help="Requests in a row that may bring nothing before a file is given up."),
        click.option("--timeout", type=click.FloatRange(min=0.1), default=60.0, show_default=True,
                     help="Seconds that a server may be silent."),
        click.option("--dry-run", is_flag=True, help="Print the files that would be fetched; fetch none."),
        click.option("--sizes", is_flag=True, help="With --dry-run: ask the server for sizes that no listing states."),
        json_option,
    )  # fmt: skip

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


@fetch.command("commoncrawl")
@click.option("--dump", required=True, metavar="DUMP", help="Such as CC-MAIN-2019-18.")
@click.option("--files", "part", default=":", show_default=True, help=FILES_HELP)
@_shared("https://data.commoncrawl.org/")
def fetch_commoncrawl(dump: str, part: str, **options: Any) -> None:
    """Fetch WET files of a CommonCrawl dump; about 150 MB each, some 60,000 a dump.

    \b
    Example: tokenmill fetch commoncrawl --dump CC-MAIN-2019-18 --files 0:40 --to dumps
             tokenmill fetch commoncrawl --dump CC-MAIN-2019-18 --files 0:4 --dry-run --sizes
             tokenmill fetch commoncrawl --dump CC-MAIN-2019-18 --base-url s3://commoncrawl   within AWS us-east-1
    """
    from pipeline.fetch import commoncrawl
    from pipeline.fetch.listing import parse_slice

    files = parse_slice(part)
    _run(options, lambda held: commoncrawl.plan(held.listings, held.base_url, dump, files))


@fetch.command("wikipedia")
@click.option("--date", required=True, metavar="YYYYMMDD", help="Day of the dump; mirrors keep the latest ones only.")
@click.option("--languages", default="", show_default="the twenty of LLaMA-1", help="Codes, with commas.")
@_shared("https://dumps.wikimedia.org/")
def fetch_wikipedia(date: str, languages: str, **options: Any) -> None:
    """Fetch the articles of Wikipedias (pages-articles-multistream), in parts where a dump is split.

    \b
    Example: tokenmill fetch wikipedia --date 20220820 --languages en,de --to dumps
             tokenmill fetch wikipedia --date 20220820 --base-url https://dumps.wikimedia.your.org/   a mirror
    """
    from pipeline.fetch import wikipedia
    from pipeline.section import WIKIPEDIA_LANGUAGES

    chosen = _words(languages) or WIKIPEDIA_LANGUAGES
    _run(options, lambda held: wikipedia.plan(held.listings, held.base_url, date, chosen))


@fetch.command("stackexchange")
@click.option("--sites", default="", help="Hosts, with commas, such as coffee.stackexchange.com,stackoverflow.com.")
@click.option("--largest", type=click.IntRange(min=0), default=0, help="And so many of the largest archives.")
@_shared("https://archive.org/download/stackexchange/")
def fetch_stackexchange(sites: str, largest: int, **options: Any) -> None:
    """Fetch StackExchange's archives from an item of archive.org, or a mirror that has its _files.xml.

    \b
    Example: tokenmill fetch stackexchange --sites coffee.stackexchange.com --to dumps
             tokenmill fetch stackexchange --largest 28 --dry-run
    """
    from pipeline.fetch import stackexchange

    if not _words(sites) and not largest:
        raise SettingError("name --sites, or how many of the --largest")
    _run(options, lambda held: stackexchange.plan(held.listings, held.base_url, _words(sites), largest))


@fetch.command("gutenberg")
@click.option("--ids", default="", help="Numbers of books, with commas.")
@click.option("--list", "list_file", type=click.Path(exists=True, dir_okay=False, path_type=Path),
              help="File of numbers, one a line; # begins a remark.")  # fmt: skip
@_shared("https://aleph.pglaf.org/")
def fetch_gutenberg(ids: str, list_file: Path | None, **options: Any) -> None:
    """Fetch books of Project Gutenberg from a mirror: gutenberg.org itself asks robots to stay away.

    \b
    Example: tokenmill fetch gutenberg --ids 84,1342 --to dumps
             tokenmill fetch gutenberg --list numbers.txt --parallel 2 --to dumps
    """
    from pipeline.fetch import gutenberg

    numbers = _words(ids) + (gutenberg.parse_list(_text(list_file)) if list_file else [])
    if not numbers:
        raise SettingError("name --ids or a --list of them")
    _run(options, lambda held: gutenberg.plan(held.base_url, numbers))


@fetch.command("arxiv")
@click.option("--manifest", required=True, metavar="FILE|URL", help="arXiv_src_manifest.xml, here or anywhere.")
@click.option("--files", "part", default=":", show_default=True, help=FILES_HELP)
@_shared(None)
def fetch_arxiv(manifest: str, part: str, **options: Any) -> None:
    """Fetch arXiv's archives of sources, about 500 MB each.

    arXiv keeps them in an S3 bucket whose downloads the requester pays for, so there is no address by default:
    `--base-url s3://arxiv` uses your own AWS credentials (`pip install 'tokenmill[aws]'`) and agrees to pay;
    `--base-url https://…` is a mirror of yours.

    \b
    Example: tokenmill fetch arxiv --manifest arXiv_src_manifest.xml --base-url s3://arxiv --to dumps
             tokenmill fetch arxiv --manifest s3://arxiv/src/arXiv_src_manifest.xml --base-url s3://arxiv --dry-run
    """
    from pipeline.fetch import arxiv
    from pipeline.fetch.listing import parse_slice

    files = parse_slice(part)

    def plan(held: "Session") -> Plan:
        data = held.listings.read(manifest) if "://" in manifest else _text(Path(manifest)).encode("utf-8")
        return arxiv.plan(data, held.base_url, files)

    # The bucket answers nobody who does not agree to pay.
    _run(options, plan, store_options={"requester_pays": True} if options["base_url"].startswith("s3://") else {})


def _run(options: dict[str, Any], make_plan: "Callable[[Session], Plan]", **more: Any) -> None:
    """Make the plan, then show it or fetch it."""
    from pipeline.fetch.session import finish, open_session, summary

    dry_run, sizes, as_json = (options.pop(name) for name in ("dry_run", "sizes", "as_json"))
    held = open_session(timeout_seconds=options.pop("timeout"), quiet=as_json, **options, **more)
    try:
        plan = make_plan(held)
    except TransferError as error:
        raise FatalError(str(error)) from error
    if dry_run:
        _show(held, plan, sizes, as_json)
        return
    outcomes = held.fetch(plan)
    if as_json:
        click.echo(json.dumps(summary(plan, outcomes)))
    finish(plan, outcomes, held.reporter.say)


def _show(held: "Session", plan: Plan, sizes: bool, as_json: bool) -> None:
    rows = redacted([held.sized(wanted) if sizes else wanted.to_json() for wanted in plan.wanted])
    if as_json:
        refused = [{"name": name, "reason": reason} for name, reason in plan.refused]
        click.echo(json.dumps({"source": plan.source, "files": rows, "refused": refused}))
        return
    for row in rows:
        size = "size unknown" if row["bytes"] is None else f"{row['bytes']:,} bytes"
        click.echo(f"{plan.source}/{row['name']}  {size}  {row['url']}")
    for name, reason in plan.refused:
        click.echo(f"{name}: left out: {reason}")


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


def _text(path: Path) -> str:
    """A small text file of the user's."""
    try:
        if path.stat().st_size > MAX_LIST_BYTES:
            raise SettingError(f"{path}: a list of more than {MAX_LIST_BYTES} bytes")
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingError(f"{path}: {error}") from error
