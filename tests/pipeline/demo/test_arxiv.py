import gzip
import io
import tarfile
from collections import Counter

import pytest

from pipeline.corpora.arxiv import CORPUS
from pipeline.corpora.corpus import BadRecord, RawFile
from pipeline.demo import arxiv
from pipeline.source_sections import ArXiv


@pytest.fixture
def months(tmp_path, pool, rng):
    arxiv.write(tmp_path, pool, 20_000, rng)
    return sorted(tmp_path.iterdir())


def read(path):
    return list(CORPUS.read(RawFile.of_bytes(f"arxiv/{path.name}", path.read_bytes()), ArXiv()))


def names(content):
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        return archive.getnames()


def test_there_is_a_tar_a_month(months):
    assert [path.name for path in months] == ["arXiv_src_2206_001.tar", "arXiv_src_2207_001.tar"]


def test_members_are_gzipped_files_and_gzipped_tars(months):
    with tarfile.open(months[0]) as archive:
        inner = [gzip.decompress(archive.extractfile(f"2206/2206.{n:05d}.gz").read()) for n in (1, 2, 4)]
    assert names(inner[0]) == ["paper.tex"]
    assert {"ms.tex", "macros.tex", "sections/part1.tex"} <= set(names(inner[1]))
    assert inner[2].startswith(b"% Submitted to the demo\n\\documentclass")


def test_papers_carry_what_the_cleaning_takes_out(months):
    texts = [record.text for record in read(months[0]) if not isinstance(record, BadRecord)]
    whole = "\n".join(texts)
    for markup in ("\\newcommand", "\\def\\eps", "\\appendix", "\\begin{thebibliography}", "% check this sentence"):
        assert markup in whole


def test_each_month_has_its_faults_and_the_second_is_cut_off(months):
    faults = [Counter(record.reason for record in read(path) if isinstance(record, BadRecord)) for path in months]
    assert faults[0] == {"broken_gzip": 2, "link": 1, "unsafe_name": 1}
    assert faults[1] - faults[0] == {"truncated_member": 1}


def test_text_is_made_safe_for_tex():
    assert arxiv._tex("50 % of $x_1 & #2 ^ ~") == "50 \\% of \\$x\\_1 \\& \\#2  "
