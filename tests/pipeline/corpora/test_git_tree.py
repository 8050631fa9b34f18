"""A repository's HEAD is read as an archive is: each file once, each fault with a reason."""

import shutil
import subprocess
from contextlib import nullcontext

import pytest
from git_repositories import FILE, LINK, MIT, TREE, Repository, small

from pipeline.corpora import git_tree
from pipeline.corpora.corpus import BadRecord, RawDocument, RawFile
from pipeline.corpora.git_tree import MAX_DEPTH, git_members
from pipeline.corpora.github import CORPUS, read
from pipeline.corpora.source_archives import Member
from pipeline.source_sections import GitHub


@pytest.fixture
def repository(tmp_path):
    return Repository(tmp_path / "x.git")


def raw_file(folder):
    return RawFile(name="a/x.git", size=1000, opener=lambda: None, git_folder=lambda: nullcontext(folder))


def members(repository, max_bytes=100, wanted=lambda _: True):
    return list(git_members(raw_file(repository.folder), max_bytes, wanted))


def faults(repository):
    return [(found.key, found.reason) for found in members(repository) if isinstance(found, BadRecord)]


def test_files_links_and_submodules_of_head_are_members(tmp_path):
    assert members(small(tmp_path / "x.git")) == [
        Member("LICENSE", MIT[:100]),
        Member("run.sh", b"#!/bin/sh\necho\n"),
        Member("src/main.py", b"print('hello')\n"),
        Member("src/other.py", b"main.py", is_link=True),
        Member("sub", b"1" * 40, is_link=True),
    ]


def test_only_what_is_wanted_is_read(tmp_path):
    found = members(small(tmp_path / "x.git"), 5, lambda name: name.endswith(".py"))
    assert found == [Member("src/main.py", b"print"), Member("src/other.py", b"main.", is_link=True)]


def test_a_repositorys_files_are_documents_with_their_licence(tmp_path):
    documents = list(read(raw_file(small(tmp_path / "x.git").folder), GitHub()))
    assert all(isinstance(document, RawDocument) for document in documents)
    assert [(document.path, document.license, document.title) for document in documents] == [
        ("LICENSE", "MIT", "x"),
        ("run.sh", "MIT", "x"),
        ("src/main.py", "MIT", "x"),
        ("src/other.py", "MIT", "x"),
        ("sub", "MIT", "x"),
    ]
    assert documents[3].text.endswith("-> main.py")


@pytest.mark.parametrize(
    ("name", "reason"),
    [(b"..", "unsafe_name"), (b"a/b", "unsafe_name"), (b"/etc", "unsafe_name"), (b"C:\\x", "unsafe_name"), (b"", None)],
)
def test_a_name_escapes_from_no_folder(repository, name, reason):
    repository.commit(repository.tree((FILE, name, repository.add(b"x"))))
    assert [fault for _, fault in faults(repository)] == [reason or "unsafe_name"]


def test_missing_and_broken_objects_cost_themselves_alone(repository):
    lost, broken = repository.add(b"lost"), repository.add(b"broken")
    tree = repository.tree((FILE, b"x.py", repository.add(b"x")))
    repository.commit(
        repository.tree(
            (FILE, b"a.py", lost),
            (FILE, b"b.py", broken),
            (FILE, b"c.py", repository.add(b"c")),
            (FILE, b"d.py", tree),
            (TREE, b"e", broken),
            (TREE, b"f", repository.add(b"no tree")),
        )
    )
    repository.path(lost).unlink()
    repository.path(broken).write_bytes(b"no zlib")
    assert faults(repository) == [(name, "broken_object") for name in ("a.py", "b.py", "d.py", "e", "f")]
    assert Member("c.py", b"c") in members(repository)


def test_a_broken_tree_is_told(repository):
    repository.commit(repository.add(b"100644 no object behind", b"tree"))
    assert faults(repository) == [("repository", "broken_object")]


def test_a_too_large_object_is_told(repository, monkeypatch):
    monkeypatch.setattr("pipeline.corpora.git_objects.MAX_OBJECT_BYTES", 500)
    repository.commit(
        repository.tree((FILE, b"a.py", repository.add(b"x" * 501)), (FILE, b"b.py", repository.add(b"x")))
    )
    assert faults(repository) == [("a.py", "object_too_large")]


@pytest.mark.parametrize("depth", [MAX_DEPTH, MAX_DEPTH + 1])
def test_folders_are_bounded_in_depth(repository, depth):
    tree = repository.tree((FILE, b"x.py", repository.add(b"x")))
    for _ in range(depth):
        tree = repository.tree((TREE, b"d", tree))
    repository.commit(tree)
    assert [reason for _, reason in faults(repository)] == (["tree_too_deep"] if depth > MAX_DEPTH else [])


def bomb(repository, leaf, levels=9):
    tree = repository.tree(*((FILE, b"f%d" % i, leaf) for i in range(10)))
    for _ in range(levels):
        tree = repository.tree(*((TREE, b"d%d" % i, tree) for i in range(10)))
    repository.commit(tree)


@pytest.mark.parametrize(("limit", "leaf"), [("MAX_ENTRIES", b""), ("MAX_ENTRIES", b"x"), ("bytes", b"x" * 1_000_000)])
def test_a_tree_that_stands_for_a_billion_files_ends(repository, monkeypatch, limit, leaf):
    monkeypatch.setattr(git_tree, "MAX_ENTRIES", 1000 if limit == "MAX_ENTRIES" else 10**9)
    bomb(repository, repository.add(leaf))
    found = members(repository)
    assert isinstance(found[-1], BadRecord) and found[-1].reason == "archive_too_large"
    assert len(found) < 2000


def test_a_repository_without_a_commit_is_told(repository):
    assert faults(repository) == [("repository", "broken_repository")]
    assert [record.reason for record in read(RawFile.of_bytes("x.git", b""), GitHub())] == ["broken_repository"]


def test_every_reason_is_declared(repository):
    assert {*git_tree.BAD_OBJECT_REASONS, "archive_too_large", "unsafe_name"} <= set(CORPUS.bad_reasons)


def test_a_link_out_of_the_tree_is_its_target_and_is_not_followed(repository, tmp_path):
    (tmp_path / "secret.py").write_text("secret")
    repository.commit(repository.tree((LINK, b"a.py", repository.add(b"../secret.py"))))
    assert members(repository) == [Member("a.py", b"../secret.py", is_link=True)]


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
def test_a_repository_that_git_packed_is_read_without_its_hooks(tmp_path):
    def run(*words):
        command = ["git", "-C", tmp_path, "-c", "user.name=a", "-c", "user.email=a@b", *words]
        subprocess.run(command, check=True, capture_output=True)

    run("init", "-q")
    for number in range(20):
        (tmp_path / f"f{number}.py").write_text(f"x = {number}\n" + "shared = 1\n" * 200)
        run("add", ".")
        run("commit", "-q", "-m", "m")
    run("gc", "-q", "--aggressive")
    hook = tmp_path / ".git" / "hooks" / "post-checkout"
    hook.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
    hook.chmod(0o755)
    found = list(git_members(raw_file(tmp_path / ".git"), 1 << 20, lambda _: True))
    assert sorted((member.name, member.content) for member in found) == sorted(
        (path.name, path.read_bytes()) for path in tmp_path.glob("*.py")
    )
    assert not (tmp_path / "ran").exists()
