"""The command as it is typed: every example of its help and of the documentation, its exit codes, its JSON."""

import gzip
import hashlib
import json
import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import quote

import pytest

from pipeline.cli import _exit_code, cli
from pipeline.fetch.shelf import Shelf
from pipeline.inputs import Inputs
from pipeline.recipe import Recipe
from pipeline.section import WIKIPEDIA_LANGUAGES
from pipeline.storage import Folder

ROOT = Path(__file__).parents[3]
DUMP = "CC-MAIN-2019-18"
FETCHES = cli.commands["fetch"].commands


@pytest.fixture
def mirror(site, wet):
    """All five sources under one address."""
    paths = [f"crawl-data/{DUMP}/segments/1.2/wet/CC-MAIN-{i:05}.warc.wet.gz" for i in range(50)]
    site.files[f"/crawl-data/{DUMP}/wet.paths.gz"] = gzip.compress("\n".join(paths).encode())
    site.files |= {f"/{path}": wet for path in paths}
    for wiki in WIKIPEDIA_LANGUAGES:
        name = f"{wiki}wiki-20220820-pages-articles-multistream.xml.bz2"
        files = {name: {"size": 4, "sha1": hashlib.sha1(b"wiki").hexdigest()}}
        status = {"jobs": {"articlesmultistreamdump": {"status": "done", "files": files}}}
        site.files[f"/{wiki}wiki/20220820/dumpstatus.json"] = json.dumps(status).encode()
        site.files[f"/{wiki}wiki/20220820/{name}"] = b"wiki"
    listed = '<file name="coffee.stackexchange.com.7z"><size>2</size></file>'
    item = quote(site.url.rsplit("/", 1)[1])
    site.files[f"/{item}_files.xml"] = f"<files>{listed}</files>".encode()
    site.files["/coffee.stackexchange.com.7z"] = b"7z"
    site.files["/8/84/84-0.txt"] = site.files["/cache/epub/1342/pg1342.txt"] = b"A book."
    rows = "<file><filename>src/arXiv_src_0001_001.tar</filename><size>3</size></file>"
    site.files["/src/arXiv_src_manifest.xml"] = f"<arXivSRC>{rows}</arXivSRC>".encode()
    site.files["/src/arXiv_src_0001_001.tar"] = b"tar"
    return site


@pytest.fixture
def called(capsys, mirror, tmp_path):
    def call(*words):
        places = ("--base-url", mirror.url, "--to", str(tmp_path / "dumps"))
        code = _exit_code(["fetch", *words, *places])
        out, err = capsys.readouterr()
        return code, out, err

    return call


def examples():
    """Every line that begins with `tokenmill fetch SOURCE` in help texts and pages, once."""
    texts = [command.help for command in (cli.commands["fetch"], *FETCHES.values())]
    texts += [path.read_text() for path in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))]
    lines = re.findall(r"^(?:\$ |Example: )?\s*tokenmill fetch ([a-z]+ -.*)$", "\n".join(texts), flags=re.MULTILINE)
    return sorted({line.partition("   ")[0] for line in lines})


@pytest.mark.parametrize("line", examples())
def test_every_example_works(called, mirror, tmp_path, monkeypatch, line):
    monkeypatch.chdir(tmp_path)
    Path("numbers.txt").write_text("84\n")
    Path("arXiv_src_manifest.xml").write_bytes(mirror.files["/src/arXiv_src_manifest.xml"])
    words = shlex.split(line.replace("s3://arxiv/src", f"{mirror.url}/src"))
    if "--files" not in words and "commoncrawl" in words:
        words += ["--files", "0:2"]
    code, _, err = called(*words)
    assert (code, err.count("error")) == (0, 0), err


@pytest.mark.parametrize("name", FETCHES)
def test_every_source_teaches_and_has_an_example(name):
    assert f"Example: tokenmill fetch {name}" in FETCHES[name].help


CALLS = {
    "commoncrawl": ("--dump", DUMP, "--files", "0:3"),
    "wikipedia": ("--date", "20220820", "--languages", "en,de"),
    "stackexchange": ("--sites", "coffee.stackexchange.com"),
    "gutenberg": ("--ids", "84,1342"),
}
FOUND = {"commoncrawl": 3, "wikipedia": 2, "stackexchange": 1, "gutenberg": 2}


@pytest.mark.parametrize("name", CALLS)
def test_what_is_fetched_lies_where_recipes_look(called, tmp_path, name):
    code, out, err = called(name, *CALLS[name])
    assert (code, out) == (0, "")
    assert f"{FOUND[name]} files fetched, 0 were there" in err
    source = "books" if name == "gutenberg" else name
    found = {
        n for pattern in getattr(Recipe(name="x").inputs, source) for n in Folder(str(tmp_path / "dumps")).glob(pattern)
    }
    assert len(found) == FOUND[name]
    code, _, err = called(name, *CALLS[name])
    assert (code, err) == (
        0,
        f"fetch {source} begins\nfetch {source}: 0:00\nnothing to do: all {FOUND[name]} files of {source} are there\n",
    )


def test_the_recipes_dump_is_found_by_its_name(called, tmp_path):
    called("commoncrawl", "--dump", DUMP, "--files", "0:2")
    inputs = Inputs(Folder(str(tmp_path / "dumps")))
    recipe = Recipe(name="x", commoncrawl={"dumps": (DUMP,)})
    assert len(inputs.names("commoncrawl", recipe)) == 2


def test_a_manifest_may_lie_here(called, tmp_path, mirror):
    manifest = tmp_path / "m.xml"
    manifest.write_bytes(mirror.files["/src/arXiv_src_manifest.xml"])
    assert called("arxiv", "--manifest", str(manifest))[0] == 0
    assert (tmp_path / "dumps/arxiv/arXiv_src_0001_001.tar").read_bytes() == b"tar"


def test_json_is_one_object_on_standard_output(called):
    code, out, _ = called("gutenberg", "--ids", "84,5", "--json")
    told = json.loads(out)
    assert (code, told["fetched"], told["failed"], told["fetched_bytes"]) == (1, 1, 1, 7)
    assert [file["state"] for file in told["files"]] == ["fetched", "failed"]


def test_a_dry_run_names_files_and_writes_nothing(called, mirror, tmp_path):
    code, out, _ = called("commoncrawl", "--dump", DUMP, "--files", "0:2", "--dry-run")
    assert (code, len(out.splitlines())) == (0, 2)
    assert out.splitlines()[0].startswith(
        f"commoncrawl/{DUMP}/segments/1.2/wet/CC-MAIN-00000.warc.wet.gz  size unknown  "
    )
    assert (len(mirror.asked), (tmp_path / "dumps").exists()) == (1, False)


def test_a_dry_run_asks_for_sizes_on_request(called, wet):
    out = called("commoncrawl", "--dump", DUMP, "--files", "0:2", "--dry-run", "--sizes", "--json")[1]
    told = json.loads(out)
    assert ([row["bytes"] for row in told["files"]], told["refused"]) == ([len(wet)] * 2, [])


def test_a_dry_run_says_what_is_left_out(called, mirror):
    mirror.files[f"/crawl-data/{DUMP}/wet.paths.gz"] = gzip.compress(b"../../x\n")
    code, out, _ = called("commoncrawl", "--dump", DUMP, "--dry-run")
    assert (code, out) == (0, f"../../x: left out: no WET file of {DUMP}\n")


def test_a_file_that_fails_is_exit_code_1_and_the_others_are_there(called, mirror, tmp_path):
    mirror.faults["/8/84/84-0.txt"] = [mirror.status(451)]
    code, _, err = called("gutenberg", "--ids", "84,1342")
    assert (code, err.splitlines()[-1]) == (1, "error: fetch books: 1 of 2 files failed; the same command goes on")
    assert (tmp_path / "dumps/books/1342.txt").exists()


WRONG = [
    (("commoncrawl", "--dump", "x"), "--dump x: write it as CC-MAIN-2019-18"),
    (("commoncrawl", "--dump", DUMP, "--files", "9"), "--files 9: write FIRST:LAST, such as 0:40"),
    (("commoncrawl", "--dump", DUMP, "--files", "90:"), "--files 90:: there are 50 files"),
    (("commoncrawl", "--dump", DUMP, "--parallel", "0"), "Invalid value for '--parallel'"),
    (("wikipedia", "--date", "latest"), "--date latest: write it as 20220820"),
    (("stackexchange",), "name --sites, or how many of the --largest"),
    (("gutenberg",), "name --ids or a --list of them"),
    (("gutenberg", "--ids", "x"), "--ids x: no number of a book"),
    (("arxiv", "--manifest", "/nowhere.xml"), "/nowhere.xml: [Errno 2]"),
    (("nowhere",), "No such command 'nowhere'"),
]


@pytest.mark.parametrize("words, message", WRONG)
def test_a_wrong_word_is_one_line_and_nothing_is_written(called, tmp_path, words, message):
    code, out, err = called(*words)
    assert (code, out, len(err.splitlines())) == (2, "", 1)
    assert err.startswith(f"error: {message}")
    assert not (tmp_path / "dumps").exists()


def test_a_listing_that_cannot_be_had_is_exit_code_1(called, mirror):
    mirror.faults[f"/crawl-data/{DUMP}/wet.paths.gz"] = [mirror.status(451)]
    assert called("commoncrawl", "--dump", DUMP)[::2] == (1, "error: the server answers 451\n")


def test_arxiv_has_no_address_of_its_own(capsys):
    assert _exit_code(["fetch", "arxiv", "--manifest", "x"]) == 2
    assert "Missing option '--base-url'" in capsys.readouterr().err


def test_an_interrupt_is_exit_code_130_and_the_same_command_goes_on(called, mirror, tmp_path, wet):
    path = f"/crawl-data/{DUMP}/segments/1.2/wet/CC-MAIN-00000.warc.wet.gz"
    mirror.faults[path] = [mirror.stalls_after(9000)]
    words = ["commoncrawl", "--dump", DUMP, "--files", "0:1", "--base-url", mirror.url, "--to", str(tmp_path / "dumps")]
    command = [sys.executable, "-m", "pipeline.cli", "fetch", *words]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) as process:
        shelf = Shelf(tmp_path / "dumps/commoncrawl")
        while process.poll() is None and not shelf.partial_bytes(path.removeprefix("/crawl-data/")):
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        said = process.communicate(timeout=20)[1]
    assert (process.returncode, said.splitlines()[-1]) == (
        130,
        "error: interrupted; the same command goes on from here",
    )
    assert called("commoncrawl", "--dump", DUMP, "--files", "0:1")[0] == 0
    assert mirror.ranges(path)[-1].startswith("bytes=")
    assert (tmp_path / "dumps/commoncrawl" / path.removeprefix("/crawl-data/")).read_bytes() == wet
