"""Which raw files are read, and a folder read as an archive."""

import tarfile

import fsspec
import pytest
from git_repositories import small

from pipeline.corpora.registry import CORPORA
from pipeline.inputs import Inputs
from pipeline.recipe_file import load_recipe
from pipeline.storage import Folder

ROW = '<row Id="{}" PostTypeId="1" Title="t" Body="b" />\n'


@pytest.fixture
def inputs(tmp_path):
    return Inputs(Folder(str(tmp_path)))


def put(tmp_path, name, text="x"):
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def posts(tmp_path, site, count):
    rows = "".join(ROW.format(number) for number in range(count))
    put(tmp_path, f"stackexchange/{site}/Posts.xml", f'<?xml version="1.0"?>\n<posts>\n{rows}</posts>\n')


def recipe(*overrides):
    return load_recipe("llama1", overrides)


def test_only_the_recipes_dumps_are_read(inputs, tmp_path):
    for dump in ("CC-MAIN-2019-35", "CC-MAIN-2021-04"):
        put(tmp_path, f"commoncrawl/{dump}/a.wet.gz")
    chosen = recipe('commoncrawl.dumps=["2019-35"]')
    assert inputs.names("commoncrawl", chosen) == ["commoncrawl/CC-MAIN-2019-35/a.wet.gz"]
    assert inputs.left_out("commoncrawl", chosen) == {"commoncrawl/CC-MAIN-2021-04/a.wet.gz": "by the recipe"}


@pytest.mark.parametrize(
    ("name", "is_read"),
    [
        ("wikipedia/enwiki-20220720-pages-articles-multistream.xml.bz2", True),
        ("wikipedia/en/enwiki-20220720-pages-articles1.xml-p1p41242.bz2", True),
        ("wikipedia/enwiki-20220720-pages-articles.xml", True),
        ("wikipedia/enwiki-20220720-pages-articles-multistream-index.txt.bz2", False),
        ("wikipedia/dumpstatus.json", False),
        ("github/express-5.3.0.tgz", True),
        ("github/000000000000.json.gz", True),
        ("github/README.md", False),
    ],
)
def test_dumps_are_found_under_the_names_they_are_published_by(inputs, tmp_path, name, is_read):
    put(tmp_path, name)
    assert inputs.names(name.split("/")[0], recipe()) == ([name] if is_read else [])


def test_all_sites_are_read_where_they_are_few(inputs, tmp_path):
    posts(tmp_path, "coffee", 1)
    posts(tmp_path, "beer", 2)
    assert len(inputs.names("stackexchange", recipe())) == 2


def test_the_largest_sites_are_read_and_the_others_named(inputs, tmp_path):
    for site, count in (("coffee", 1), ("beer", 3), ("tea", 2)):
        posts(tmp_path, site, count)
    chosen = recipe("stackexchange.sites=2")
    assert inputs.names("stackexchange", chosen) == ["stackexchange/beer/Posts.xml", "stackexchange/tea/Posts.xml"]
    assert inputs.left_out("stackexchange", chosen) == {"stackexchange/coffee/Posts.xml": "by the recipe"}


def test_of_two_dumps_of_a_site_the_larger_is_read(inputs, tmp_path):
    posts(tmp_path, "ai-2016-09", 1)
    posts(tmp_path, "ai-2016-12", 2)
    assert inputs.names("stackexchange", recipe()) == ["stackexchange/ai-2016-12/Posts.xml"]


def test_a_dump_that_cannot_be_counted_stays_to_be_quarantined(inputs, tmp_path):
    posts(tmp_path, "beer", 3)
    posts(tmp_path, "tea", 2)
    put(tmp_path, "stackexchange/broken.7z", "no archive")
    assert inputs.names("stackexchange", recipe("stackexchange.sites=1")) == [
        "stackexchange/beer/Posts.xml",
        "stackexchange/broken.7z",
    ]


def test_posts_are_counted_once(tmp_path, monkeypatch):
    remembering = Inputs(Folder(str(tmp_path)), Folder(str(tmp_path / "out")))
    (tmp_path / "out/logs").mkdir(parents=True)
    posts(tmp_path, "beer", 3)
    posts(tmp_path, "tea", 2)
    first = remembering.names("stackexchange", recipe("stackexchange.sites=1"))
    monkeypatch.setattr("pipeline.inputs.count_posts", lambda _: pytest.fail("counted again"))
    assert remembering.names("stackexchange", recipe("stackexchange.sites=1")) == first


TREE = ("requests/LICENSE", "requests/src/a.py", "requests/.git/config", "other/b.py")


def test_a_folder_is_read_as_an_archive_of_its_files(inputs, tmp_path):
    for name in TREE:
        put(tmp_path, f"github/{name}", name)
    chosen = recipe('inputs.github=["github/*/"]')
    assert inputs.names("github", chosen) == ["github/other/", "github/requests/"]
    file = inputs.file("github/requests/")
    with file.open() as stream, tarfile.open(fileobj=stream) as archive:
        assert archive.getnames() == ["requests/LICENSE", "requests/src/a.py"]
        assert archive.extractfile("requests/src/a.py").read() == b"requests/src/a.py"
    assert file.name == "github/requests.tar"


def test_a_folders_archive_has_the_same_bytes_each_time(inputs, tmp_path):
    for name in TREE:
        put(tmp_path, f"github/{name}")
    with inputs.file("github/requests/").open() as first, inputs.file("github/requests/").open() as second:
        assert first.read() == second.read()


def test_a_folder_changes_with_each_of_its_files(inputs, tmp_path):
    for name in TREE:
        put(tmp_path, f"github/{name}")
    before = (
        inputs.digest("github/requests/"),
        inputs.fingerprint("github/requests/"),
        inputs.size("github/requests/"),
    )
    put(tmp_path, "github/requests/src/a.py", "changed")
    after = (inputs.digest("github/requests/"), inputs.fingerprint("github/requests/"), inputs.size("github/requests/"))
    assert all(one != other for one, other in zip(before, after, strict=True))


def test_no_link_leads_out_of_a_folder(inputs, tmp_path):
    put(tmp_path, "secret")
    put(tmp_path, "github/requests/a.py")
    (tmp_path / "github/requests/b.py").symlink_to(tmp_path / "secret")
    (tmp_path / "github/requests/c").symlink_to(tmp_path)
    with inputs.file("github/requests/").open() as stream, tarfile.open(fileobj=stream) as archive:
        assert archive.getnames() == ["requests/a.py"]


def test_a_wikipedia_dump_in_two_forms_is_read_once_and_the_other_named(inputs, tmp_path):
    stem = "wikipedia/enwiki-20220720-pages-articles"
    for name in (f"{stem}.xml", f"{stem}-multistream.xml.bz2", f"{stem}-multistream-index.txt.bz2"):
        put(tmp_path, name)
    chosen = recipe('inputs.wikipedia=["wikipedia/**/*"]')
    assert inputs.names("wikipedia", chosen) == [f"{stem}-multistream.xml.bz2"]
    assert inputs.left_out("wikipedia", chosen) == {
        f"{stem}-multistream-index.txt.bz2": "by the recipe",
        f"{stem}.xml": f"the same dump is read as {stem}-multistream.xml.bz2",
    }


def test_an_index_goes_along_with_its_dump(inputs, tmp_path):
    stem = "wikipedia/enwiki-20220720-pages-articles-multistream"
    put(tmp_path, f"{stem}.xml.bz2")
    assert inputs.companions("wikipedia", f"{stem}.xml.bz2") == []
    assert inputs.without_index("wikipedia", recipe()) == [f"{stem}.xml.bz2"]
    put(tmp_path, f"{stem}-index.txt", "index")
    assert inputs.companions("wikipedia", f"{stem}.xml.bz2") == [f"{stem}-index.txt"]
    assert inputs.without_index("wikipedia", recipe()) == []
    index = inputs.file(f"{stem}.xml.bz2").beside("enwiki-20220720-pages-articles-multistream-index.txt")
    with index.open() as stream:
        assert stream.read() == b"index"
    assert inputs.companions("c4", f"{stem}.xml.bz2") == []


def test_a_part_of_a_file_knows_its_share(inputs, tmp_path):
    put(tmp_path, "wikipedia/enwiki.xml", "x" * 10)
    spans = [inputs.file("wikipedia/enwiki.xml", part, 3).span for part in (1, 2, 3)]
    assert spans == [(0, 3), (3, 6), (6, 10)]
    assert inputs.file("wikipedia/enwiki.xml", 2, 3).whole.span == (0, 10)


@pytest.mark.parametrize(
    ("folder", "git", "name"), [("x.git", "", "x.git"), ("x", "/.git", "x/.git"), ("y", "", "y/.git")]
)
def test_a_git_repository_is_read_from_its_objects(inputs, tmp_path, folder, git, name):
    (tmp_path / "github" / folder).mkdir(parents=True)
    small(tmp_path / f"github/{folder}{git}")
    put(tmp_path, f"github/{folder}/untracked.py")
    file = inputs.file(f"github/{folder}/")
    assert file.name == f"github/{name}"
    keys = [document.key for document in CORPORA["github"].read(file, recipe().github)]
    assert keys == ["LICENSE", "run.sh", "src/main.py", "src/other.py", "sub"]


def test_a_git_repository_changes_with_its_objects_alone(inputs, tmp_path):
    (tmp_path / "github").mkdir()
    repository = small(tmp_path / "github/x.git")
    before = inputs.digest("github/x.git/"), inputs.fingerprint("github/x.git/"), inputs.size("github/x.git/")
    put(tmp_path, "github/x.git/config")
    put(tmp_path, "github/x.git/hooks/post-checkout")
    assert before == (
        inputs.digest("github/x.git/"),
        inputs.fingerprint("github/x.git/"),
        inputs.size("github/x.git/"),
    )
    repository.commit(repository.tree())
    assert before[0] != inputs.digest("github/x.git/")


def test_a_repository_from_elsewhere_is_read_from_a_copy(tmp_path):
    fsspec.filesystem("memory").put(str(small(tmp_path / "x.git").folder), "/git-inputs/x.git", recursive=True)
    file = Inputs(Folder("memory://git-inputs")).file("x.git/")
    assert [document.path for document in CORPORA["github"].read(file, recipe().github)][:2] == ["LICENSE", "run.sh"]
