"""What people get wrong most often, and the one line that they are told: the command, its line, its exit code.

`{dumps}` is a folder with a Wikipedia's dump, `{out}` one that a run may write to, `{here}` the folder of both.
"""

import gzip
import json
import shlex
from types import SimpleNamespace

import pytest

from pipeline import places, training
from pipeline.cli import _exit_code
from pipeline.guards import locked
from pipeline.storage import Folder
from pipeline.version import VERSION

WEB_PAGE = b"<!DOCTYPE html><html><head><title>404 Not Found</title></head></html>"
WIKIPEDIA = "--set 'mixture.weights={wikipedia = 1.0}'"
CLEAN = f"tokenmill clean demo --output {{out}} --set inputs.root={{dumps}} {WIKIPEDIA}"


@pytest.fixture
def told(capfd, tmp_path, monkeypatch):
    """`told(command)`: its exit code and what it says, with this test's folders by their names here."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "dumps/wikipedia").mkdir(parents=True)
    (tmp_path / "dumps/wikipedia/slwiki-20220820-pages-articles.xml").write_text("<mediawiki></mediawiki>")
    names = {"dumps": f"{tmp_path}/dumps", "out": f"{tmp_path}/out", "here": str(tmp_path)}

    def call(command):
        for name, path in names.items():
            command = command.replace(f"{{{name}}}", path)
        code = _exit_code(shlex.split(command)[1:])
        said = capfd.readouterr().err.replace(names["dumps"], "{dumps}").replace(names["out"], "{out}")
        assert "Traceback" not in said
        return code, said.replace(str(tmp_path), "{here}")

    return call


WRONG_WORDS = [
    # Where things are
    (
        "tokenmill run demo --output {out} --set inputs.root={here}/dump",
        "error: inputs.root = {here}/dump: no such folder: name the one that the raw dumps lie in",
    ),
    (
        "tokenmill run demo --output {out} --set inputs.root={here}/empty",
        "error: inputs.root = {here}/empty: the folder is empty: `tokenmill fetch` brings raw dumps there",
    ),
    (
        "tokenmill run demo --output {out} --set inputs.root={dumps}",
        "error: inputs.commoncrawl: no file below {dumps} matches commoncrawl/**/*.wet.gz, commoncrawl/**/*.wet: bring"
        " its dumps there, or take commoncrawl out of mixture.weights (`tokenmill init` does)",
    ),
    (
        "tokenmill run mine.tml --output {out}",
        "error: recipe mine.tml is neither a file nor one that ships (demo, llama1)",
    ),
    # What commands, stages and flags are called
    ("tokenmill dedupe demo --output {out}", "error: no command dedupe; did you mean dedup?"),
    (
        "tokenmill run demo --output {out} --until dedupe",
        "error: Invalid value for '--until': no stage dedupe; did you mean dedup?",
    ),
    (
        "tokenmill run demo --output {out} -- --runer=SparkRunner",
        "error: unknown Beam flag --runer=SparkRunner; did you mean --runner?",
    ),
    ("tokenmill run demo", "error: Missing option '--output'."),
    # What keys are called
    (
        "tokenmill run demo --output {out} --set mixture.total_token=5",
        "error: demo: unknown key mixture.total_token; did you mean total_tokens?",
    ),
    (
        "tokenmill run demo --output {out} --set dedup.max_overlap=0.9",
        "error: demo: dedup.max_overlap is a key of old recipes: it is near_dedup.max_containment now",
    ),
    # What values may be
    (
        "tokenmill run demo --output {out} --set language.min_score=2",
        "error: demo: language.min_score must be at most 1.0, got 2",
    ),
    (
        "tokenmill run demo --output {out} --set tokenizer.vocabulary_size=many",
        'error: demo: tokenizer.vocabulary_size must be a whole number, got "many"',
    ),
    (
        "tokenmill run demo --output {out} --set github.redact_secrets=yes",
        'error: demo: github.redact_secrets must be true or false, got "yes"',
    ),
    (
        "tokenmill run demo --output {out} --set perplexity.keep=head",
        'error: demo: perplexity.keep must be a list, as in perplexity.keep=["head"], got "head"',
    ),
    (
        "tokenmill run demo --output {out} --set wikipedia.languages=en,de",
        'error: demo: wikipedia.languages must be a list, as in wikipedia.languages=["en", "de"], got "en,de"',
    ),
    (
        "tokenmill run demo --output {out} --set c4.form=wat",
        "error: demo: c4.form must be 'published' or 'wet', got \"wat\"",
    ),
    (
        "tokenmill run demo --output {out} --set mixture.weights=1",
        "error: demo: mixture.weights must be a table, as in mixture.weights={name = value}, got 1",
    ),
    (
        "tokenmill run demo --output {out} --set mixture=1",
        "error: demo: mixture is a table: set a key of it, as in mixture.KEY=VALUE, got 1",
    ),
    (
        "tokenmill run demo --output {out} --set 'mixture.weights={c4 = 0.5, books = 0.4}'",
        "error: demo: mixture weights must sum to 1, got 0.9",
    ),
    # What a recipe names outside the run
    (
        f"tokenmill run demo --output {{out}} --set inputs.root={{dumps}} {WIKIPEDIA} --set language.model=lid.bin",
        "error: language: no model at lid.bin",
    ),
    (
        f"tokenmill run demo --output {{out}} --set inputs.root={{dumps}} {WIKIPEDIA}"
        " --set language.model={here}/page",
        "error: language: {here}/page is no fastText model: it begins with b'<!DOCTYP'; fetch it again",
    ),
    (
        f"tokenmill run demo --output {{out}} --set inputs.root={{dumps}} {WIKIPEDIA}"
        " --set language_model.arpa={here}/page --set language_model.pieces={here}/page",
        "error: language_model: {here}/page is no n-gram model: before byte 69 \\data\\ was expected:"
        " '<!DOCTYPE html><html><head><title>404 Not Found</title></hea'; fetch it again",
    ),
    (
        "tokenmill run demo --output {out} --set inputs.root=s3://tokenmill-nowhere/dumps",
        "error: inputs.root s3://tokenmill-nowhere/dumps: look was refused: NoCredentialsError: Unable to locate"
        " credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or run `aws configure` (docs/object-stores.md)",
    ),
]


@pytest.mark.parametrize("command, line", WRONG_WORDS)
def test_a_wrong_word_is_one_line_before_any_work(told, tmp_path, command, line, monkeypatch):
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    (tmp_path / "empty").mkdir()
    (tmp_path / "page").write_bytes(WEB_PAGE)
    assert told(command) == (2, f"{line}\n")
    assert not (tmp_path / "out").exists()


def test_a_recipe_that_is_no_toml(told, tmp_path):
    (tmp_path / "mine.toml").write_text('name = "mine\n')
    code, said = told("tokenmill run {here}/mine.toml --output {out}")
    assert (code, said.count("\n")) == (2, 1)
    assert said.startswith("error: {here}/mine.toml is not TOML: Illegal character '\\n' (at line 1, column 13)")


# What is not installed


def test_java_for_spark(told, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("TOKENMILL_SPARK_JAR", str(tmp_path / "server.jar"))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    (tmp_path / "server.jar").touch()
    code, said = told(f"{CLEAN} -- --runner=SparkRunner")
    assert (code, said.count("\n")) == (2, 1)
    assert said.startswith("error: ") and "Java" in said


def test_torch_for_training(told, monkeypatch):
    monkeypatch.setattr(training.importlib.util, "find_spec", lambda name: None)
    assert told(f"tokenmill train demo --output {{out}} --set inputs.root={{dumps}} {WIKIPEDIA}") == (
        2, "error: train needs PyTorch: pip install 'tokenmill[train]'\n",
    )  # fmt: skip


# The output folder


def test_a_disk_that_is_too_small(told, monkeypatch):
    monkeypatch.setattr(places.shutil, "disk_usage", lambda _: SimpleNamespace(free=300_000))
    assert told(CLEAN) == (2, "error: --output {out} has 0.3 MB free, and at least 16.8 MB are needed\n")


def test_another_run_is_at_work_there(told, tmp_path):
    with locked(Folder(str(tmp_path / "out"))):
        assert told(CLEAN) == (2, "error: --output {out}: another run is at work there\n")


def manifest(tmp_path, version, name):
    (tmp_path / "out").mkdir()
    held = {"version": version, "recipe": {"name": name}}
    (tmp_path / "out/manifest.json").write_text(json.dumps(held))


def test_a_run_of_another_recipe_lies_there(told, tmp_path):
    manifest(tmp_path, VERSION, "mine")
    line = "error: --output {out} holds a run of recipe mine, and this is demo: name another folder\n"
    assert told(CLEAN) == (2, line)


def test_another_version_has_written_it_which_is_no_error(told, tmp_path):
    manifest(tmp_path, "0.0.1", "demo")
    code, said = told(f"{CLEAN} --set limits.max_failed_fraction=1.0")
    note = f"note: {{out}} is of Tokenmill 0.0.1, this is {VERSION}: what follows is done anew"
    assert (code, said.splitlines()[0]) == (0, note)


@pytest.mark.parametrize(
    "command, line",
    [
        ("tokenize demo", "error: stage tokenize needs clean of wikipedia/slwiki-20220820-pages-articles.xml:"
                          " run `tokenmill clean` first"),
        ("mix demo", "error: stage mix needs tokenize: run `tokenmill tokenize` first"),
        ("verify demo", "error: stage verify needs the stream: run `tokenmill mix` first"),
        ("train demo", "error: stage train needs the stream: run `tokenmill mix` first"),
        ("report demo", "error: stage report needs something to tell of, and {out} has none:"
                        " run `tokenmill run` first"),
    ],
)  # fmt: skip
def test_a_stage_before_the_one_that_it_needs(told, command, line):
    options = f"--output {{out}} --set inputs.root={{dumps}} {WIKIPEDIA}"
    assert told(f"tokenmill {command} {options}") == (1, f"{line}\n")


# Dumps of another type than their names say


WET = "commoncrawl/a.warc.wet.gz"
RESPONSE = b"WARC/1.0\r\nWARC-Type: response\r\nWARC-Target-URI: http://a.b/\r\nContent-Length: 5\r\n\r\nhello\r\n\r\n"


@pytest.mark.parametrize(
    "name, content, first",
    [
        (WET, WEB_PAGE, f"{WET}#0: not_gzip, no gzip member begins here; it begins as a web page does: fetch it again"),
        (WET, gzip.compress(RESPONSE),
         f"{WET}#0: not_conversion, a record of type 'response': a WET file has conversion records"),
        ("c4/c4-train.00000-of-01024.json.gz", b'{"text": "a"}\n',
         "c4/c4-train.00000-of-01024.json.gz#0: not_gzip, no gzip member begins here"),
        *((name, WEB_PAGE, f"{name}#{why}; it begins as a web page does: fetch it again") for name, why in (
            ("stackexchange/coffee.stackexchange.com.7z", "archive: broken_archive, not a 7z file"),
            ("github/a.zip", "archive: broken_archive, BadZipFile: File is not a zip file"),
            ("github/a.tar.gz", "archive: broken_archive, ReadError: the archive ends without its end mark"),
        )),
        ("stackexchange/coffee.stackexchange.com.7z", b"PK\x03\x04",
         "stackexchange/coffee.stackexchange.com.7z#archive: broken_archive, not a 7z file"),
    ],
    ids=["a web page saved as WET", "WARC for WET", "plain JSON lines named .gz", "a page named .7z",
         "a page named .zip", "a page named .tar.gz", "a zip named .7z"],
)  # fmt: skip
def test_a_dump_of_another_type(told, tmp_path, name, content, first):
    source = name.split("/")[0]
    (tmp_path / "dumps" / name).parent.mkdir()
    (tmp_path / "dumps" / name).write_bytes(content)
    weights = f"--set 'mixture.weights={{{source} = 1.0}}'"
    code, said = told(f"tokenmill clean demo --output {{out}} --set inputs.root={{dumps}} --workers 1 {weights}")
    assert (code, said.splitlines()[-1]) == (
        1,
        f"error: clean/{source}: 1 of 1 records failed, more than limits.max_failed_fraction = 0.3: first {first}"
        f" (see {{out}}/quarantine/clean/{source})",
    )
