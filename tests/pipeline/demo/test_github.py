import gzip
import json
import tarfile

import pytest

from pipeline.corpora.corpus import RawDocument, RawFile, document_batches
from pipeline.corpora.github import CORPUS
from pipeline.demo import github
from pipeline.demo.github import PROJECTS, TARBALLS
from pipeline.source_sections import GitHub


@pytest.fixture
def folder(tmp_path, rng):
    github.write(tmp_path, 200_000, rng)
    return tmp_path


def names(path):
    with tarfile.open(path) as archive:
        return archive.getnames()


def test_projects_that_are_installed_here_come_with_their_licence_and_code(folder):
    for _, name, _ in PROJECTS[:TARBALLS]:
        held = names(folder / f"{name}.tar.gz")
        assert any(item.startswith(f"{name}/LICENSE") for item in held)
        assert any(item.endswith(".py") for item in held)


def test_a_project_that_is_not_installed_here_is_left_out(tmp_path, rng, monkeypatch):
    missing = ("no_such_module", "no-such-project", "mit")
    monkeypatch.setattr(github, "PROJECTS", (missing, *PROJECTS[:1]))
    github.write(tmp_path, 20_000, rng)
    assert (tmp_path / "click.tar.gz").exists()
    assert not (tmp_path / "no-such-project.tar.gz").exists()


def test_a_project_takes_no_more_than_its_share(folder):
    with tarfile.open(folder / "click.tar.gz") as archive:
        code = sum(item.size for item in archive.getmembers() if "/src/" in item.name)
    assert 0 < code <= 200_000 // len(PROJECTS)


def test_the_export_has_bigquerys_columns(folder):
    lines = gzip.decompress((folder / "bigquery-000000000000.jsonl.gz").read_bytes()).splitlines()
    rows = [json.loads(line) for line in lines[:-2]]
    assert {tuple(row) for row in rows} == {
        ("id", "repo_name", "ref", "path", "license", "size", "binary", "copies", "content")
    }
    assert {row["license"] for row in rows} == {"mit", "gpl-3.0"}
    with pytest.raises(ValueError):
        json.loads(lines[-2])


def test_one_project_holds_what_each_rule_looks_for(folder):
    held = [name.removeprefix("odd-project-1.0/") for name in names(folder / "odd-project-1.0.tar.gz")]
    for path in ("src/empty.py", "src/long_line.ts", "src/huge.py", "src/data.csv", "src/link.py", "../../outside.py"):
        assert path in held


def test_every_rule_on_code_has_a_file_in_the_demo(folder):
    content = (folder / "odd-project-1.0.tar.gz").read_bytes()
    file, settings = RawFile.of_bytes("odd-project-1.0.tar.gz", content), GitHub()
    documents = [record for record in CORPUS.read(file, settings) if isinstance(record, RawDocument)]
    (left,) = document_batches("github", file, documents)
    found, redacted = set(), 0
    for rule in CORPUS.filters(settings):
        result = rule.apply(left)
        found |= {reason for reason in result.reason.to_pylist() if reason}
        redacted += result.counts.get("redacted_github_token", 0)
        left = result.batch.filter(result.reason.is_null())
    reasons = {reason for rule in CORPUS.filters(settings) for reason in rule.reasons}
    assert reasons - found == {"license_unknown", "license_not_permitted"}
    assert redacted == 1


def test_the_same_file_stands_there_twice(folder):
    with tarfile.open(folder / "odd-project-1.0.tar.gz") as archive:
        one, two = (archive.extractfile(f"odd-project-1.0/src/{name}.py").read() for name in ("one", "two"))
    assert one == two


def test_one_archive_is_cut_off(folder):
    with pytest.raises(EOFError):
        gzip.decompress((folder / "cut-off-1.0.tar.gz").read_bytes())


@pytest.mark.parametrize("name, text", [("copyleft-2.0", b"GENERAL PUBLIC LICENSE"), ("unlicensed-0.1", b"import sys")])
def test_projects_without_a_permissive_licence(folder, name, text):
    assert text in gzip.decompress((folder / f"{name}.tar.gz").read_bytes())


def test_the_programs_it_writes_are_python(folder):
    with tarfile.open(folder / "odd-project-1.0.tar.gz") as archive:
        compile(archive.extractfile("odd-project-1.0/src/one.py").read(), "one.py", "exec")
