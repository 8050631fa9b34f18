"""The manifest's archives, with their MD5."""

import pytest

from pipeline.errors import SettingError
from pipeline.fetch.arxiv import plan
from pipeline.fetch.transfer import RefusedError


def manifest(*names):
    rows = "".join(
        f"<file><content_md5sum>{'c' * 32}</content_md5sum><filename>{name}</filename><md5sum>{'d' * 32}</md5sum>"
        f"<num_items>5</num_items><size>77</size><yymm>0001</yymm></file>"
        for name in names
    )
    return f"<arXivSRC>{rows}<timestamp>now</timestamp></arXivSRC>".encode()


NAMES = [f"src/arXiv_src_0001_00{i}.tar" for i in range(4)]


def test_an_archive_lies_under_its_own_name_and_comes_from_below_src():
    wanted = plan(manifest(*NAMES), "s3://arxiv", slice(0, 1)).wanted[0]
    assert (wanted.name, wanted.urls) == ("arXiv_src_0001_000.tar", ("s3://arxiv/src/arXiv_src_0001_000.tar",))
    assert (wanted.size, wanted.md5) == (77, "d" * 32)


def test_the_slice_is_the_manifests():
    assert [w.name[-5] for w in plan(manifest(*NAMES), "s3://arxiv", slice(1, 3)).wanted] == ["1", "2"]


@pytest.mark.parametrize(
    "name", ["../arXiv_src_0001_001.tar", "pdf/arXiv_pdf_0001_001.tar", "src/x/arXiv_src_0001_001.tar", ""]
)
def test_any_other_name_is_left_out_and_said(name):
    made = plan(manifest(name, NAMES[0]), "s3://arxiv", slice(0, None))
    assert (len(made.wanted), made.refused) == (1, [(name, "no archive of sources")])


def test_an_empty_slice_is_a_wrong_setting():
    with pytest.raises(SettingError, match="there are 4 files"):
        plan(manifest(*NAMES), "s3://arxiv", slice(9, None))


def test_a_manifest_that_is_no_xml_is_refused():
    with pytest.raises(RefusedError):
        plan(b"no", "s3://arxiv", slice(0, None))
