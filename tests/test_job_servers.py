"""The job servers that Maven builds are made of what was tried, to the byte."""

import hashlib
import re
from pathlib import Path

ROOT = Path(__file__).parent.parent / "job-servers"


def test_the_digest_in_the_build_is_that_of_the_list_of_digests():
    listed = hashlib.sha256((ROOT / "spark/dependencies.sha256").read_bytes()).hexdigest()
    assert f"<checksum>{listed}</checksum>" in (ROOT / "spark/pom.xml").read_text()


def test_the_list_has_the_versions_that_the_build_names():
    pom, listed = ((ROOT / "spark" / name).read_text() for name in ("pom.xml", "dependencies.sha256"))
    spark = re.search(r"<spark.version>(.+)</spark.version>", pom)[1]
    assert set(re.findall(r"\*spark-\S+_2\.12-(\S+)\.jar", listed)) == {spark}
    assert all(re.fullmatch(r"[0-9a-f]{64} \*\S+\.jar", line) for line in listed.splitlines())
