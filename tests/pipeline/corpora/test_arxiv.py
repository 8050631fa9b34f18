"""Tests of pipeline/corpora/arxiv.py."""

import gzip
import tarfile
import time
import zlib
from collections import Counter

import pytest
from archives import tar_of

from filters.tex_scan import read_regions
from pipeline.corpora import arxiv
from pipeline.corpora.arxiv import BAD_REASONS, CORPUS, arxiv_id, read
from pipeline.corpora.corpus import BadRecord, RawDocument, RawFile, document_batches
from pipeline.source_sections import ArXiv

PAPER = b"\\documentclass{article}\\title{T}\\begin{document}\\section{A} text\\end{document}\n"


def read_all(members, **settings):
    file = RawFile.of_bytes("arXiv_src_2201_001.tar", tar_of(members) if isinstance(members, dict) else members)
    return list(read(file, ArXiv(**settings)))


def judged(records):
    return [record.reason if isinstance(record, BadRecord) else record.text for record in records]


@pytest.mark.parametrize(
    "name, key, month",
    [
        ("2201/2201.00001.gz", "2201.00001", "2022-01"),
        ("0704/0704.0001.gz", "0704.0001", "2007-04"),
        ("9901/hep-th9901011.gz", "hep-th/9901011", "1999-01"),
        ("0309/math0309136.gz", "math/0309136", "2003-09"),
        ("9108/hep-lat9108001.pdf", "hep-lat/9108001", "1991-08"),
        ("2201/2201.00001v2.gz", "2201.00001v2", "2022-01"),
        ("2201/2213.00001.gz", "2213.00001", None),
        ("2201/whatever.gz", "whatever", None),
    ],
)
def test_id_and_month_follow_from_the_name(name, key, month):
    assert arxiv_id(name) == (key, month)


def test_single_file_and_tree_are_both_papers():
    tree = tar_of({"ms.tex": PAPER.replace(b"text", b"\\input{part}"), "part.tex": b"text", "fig.png": b"\x89PNG"})
    records = read_all({"9901/hep-th9901011.gz": gzip.compress(PAPER), "2201/2201.00001.gz": gzip.compress(tree)})
    text = PAPER.decode()
    url = "https://arxiv.org/abs/hep-th/9901011"
    assert records[0] == RawDocument(
        key="hep-th/9901011", text=text, title="T", url=url, date="1999-01", path="9901/hep-th9901011.gz"
    )
    assert records[1].text == text.replace("text", "text\n")


@pytest.mark.parametrize("content", [b"%PDF-1.5", b"%!PS-Adobe", b"withdrawn by the author"])
def test_paper_without_tex_is_a_document_without_text(content):
    assert judged(read_all({"2201/2201.00001.gz": gzip.compress(content), "2201/2201.00002.pdf": b"%PDF"})) == ["", ""]


def test_papers_without_tex_are_rejected_by_reason():
    records = read_all({"2201/2201.00001.gz": gzip.compress(b"gone"), "2201/2201.00002.pdf": b"%PDF"})
    [batch] = document_batches("arxiv", RawFile.of_bytes("x.tar", b""), records)
    assert CORPUS.filters(ArXiv())[0].apply(batch).reason.to_pylist() == ["no_tex", "pdf_only"]


@pytest.mark.parametrize(
    "content, reason",
    [
        (b"no gzip", "broken_gzip"),
        (gzip.compress(PAPER)[:-9], "broken_gzip"),
        (gzip.compress(PAPER)[:-8] + b"12345678", "broken_gzip"),
        (b"", "broken_gzip"),
        (gzip.compress(tar_of({"a.tex": PAPER * 20})[:1000]), "broken_tar"),
        (gzip.compress(tar_of({"a.tex": PAPER}) + b"junk" * 200), "broken_tar"),
        (gzip.compress(b"\\begin{document}" + b"x" * 20_000), "paper_too_large"),
        (gzip.compress(tar_of({"a.tex": b"x" * 6000, "b.tex": b"y" * 6000})), "paper_too_large"),
        (gzip.compress(tar_of({"a.png": b"x" * 200_000})), "paper_too_large"),
    ],
)
def test_broken_paper_is_a_bad_record_and_the_next_one_is_read(content, reason):
    records = read_all(
        {"2201/2201.00001.gz": content, "2201/2201.00002.gz": gzip.compress(PAPER)}, max_paper_bytes=10_000
    )
    assert judged(records) == [reason, PAPER.decode()]
    assert (records[0].key, records[0].raw, records[0].size) == ("2201.00001", content[:4096], len(content))


@pytest.mark.parametrize(
    "name, reason",
    [("../2201.00001.gz", "unsafe_name"), ("/2201.00001.gz", "unsafe_name"), ("2201/2201.00001.zip", "unknown_member")],
)
def test_member_that_is_no_paper_is_a_bad_record(name, reason):
    assert judged(read_all({name: gzip.compress(PAPER)})) == [reason]


def test_link_is_a_bad_record_and_a_folder_is_nothing():
    link, folder = tarfile.TarInfo("2201/2201.00001.gz"), tarfile.TarInfo("2201")
    link.type, link.linkname, folder.type = tarfile.SYMTYPE, "/etc/passwd", tarfile.DIRTYPE
    assert judged(read_all(folder.tobuf() + link.tobuf() + b"\0" * 1024)) == ["link"]


def test_broken_header_in_mid_archive_costs_one_member():
    content = bytearray(tar_of({f"2201/2201.0000{i}.gz": gzip.compress(PAPER, mtime=0) for i in range(3)}))
    content[1024 + 100] ^= 1
    records = read_all(bytes(content))
    assert judged(records) == [PAPER.decode(), "broken_header", PAPER.decode()]
    assert (records[1].key, records[1].size) == ("@1024", 1024)


@pytest.mark.parametrize("cut, reasons", [(1024, ["truncated_archive"]), (540, ["truncated_member"])])
def test_archive_that_ends_early_says_so(cut, reasons):
    content = tar_of({"2201/2201.00001.gz": gzip.compress(PAPER)})[:cut]
    assert [record.reason for record in read_all(content) if isinstance(record, BadRecord)] == reasons


def test_figures_do_not_count_as_tex():
    tree = tar_of({"ms.tex": PAPER, "fig.pdf": b"x" * 50_000})
    assert judged(read_all({"2201/2201.00001.gz": gzip.compress(tree)}, max_paper_bytes=10_000)) == [PAPER.decode()]


def test_gzip_of_several_members_is_one_paper():
    content = gzip.compress(PAPER[:30]) + gzip.compress(PAPER[30:]) + b"\0" * 100
    assert judged(read_all({"2201/2201.00001.gz": content})) == [PAPER.decode()]


def test_bomb_is_left_before_it_fills_memory():
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    bomb = b"".join(packer.compress(b"\0" * (1 << 20)) for _ in range(200)) + packer.flush()
    assert judged(read_all({"2201/2201.00001.gz": bomb}, max_paper_bytes=1 << 20)) == ["paper_too_large"]


def test_unsafe_names_inside_a_paper_are_passed_over():
    tree = tar_of({"../evil.tex": PAPER.replace(b"text", b"evil"), "ms.tex": PAPER})
    assert judged(read_all({"2201/2201.00001.gz": gzip.compress(tree)})) == [PAPER.decode()]


def test_corpus_says_what_it_is():
    assert (CORPUS.source, CORPUS.bad_reasons) == ("arxiv", BAD_REASONS)
    names = [rule.name for rule in CORPUS.filters(ArXiv())]
    assert names == ["arxiv_source", "tex_comments", "tex_macros", "arxiv_body"]


@pytest.mark.real
def test_real_archive_gives_twelve_papers_and_one_pdf(real_data):
    path = real_data / "arxiv" / "arXiv_src_2201_001.tar"
    file = RawFile(name=path.name, size=path.stat().st_size, opener=lambda: path.open("rb"))
    records = list(read(file, ArXiv()))
    reasons, counts = Counter(), Counter()
    [batch] = document_batches("arxiv", file, records)
    for rule in CORPUS.filters(ArXiv()):
        result = rule.apply(batch)
        counts.update(result.counts)
        reasons.update(filter(None, result.reason.to_pylist()))
        batch = result.batch.filter(result.reason.is_null())
    texts = batch.column("text").to_pylist()
    assert reasons == {"pdf_only": 1}
    assert len(texts) == 12
    assert not any(read_regions(text).comments for text in texts)
    # Two macros are left, of 28 and 194 calls: `\@ifnextchar`, and a table read by `\pdfstrcmp`.
    assert (counts["macros_unexpanded"], counts["macros_expanded"]) == (222, 3304)
    assert all("\\section" in text or "\\olsection" in text for text in texts)
    assert not any(word in text for text in texts for word in ("\\begin{document}", "\\bibliography{", "\\Msun"))


def test_members_come_in_the_archives_order():
    names = [f"2201/2201.0000{i}.gz" for i in (3, 1, 2)]
    records = read_all({name: gzip.compress(PAPER) for name in names})
    assert [record.path for record in records] == names
    assert [record.key for record in records] == ["2201.00003", "2201.00001", "2201.00002"]


def faithful(*files):
    [record] = read_all({"2201/2201.00001.gz": gzip.compress(tar_of(files))}, mode="faithful")
    return record.text


def test_faithful_files_stand_in_the_archives_order_as_they_are():
    files = [
        ("z.tex", b"Z\r\n"),
        ("a.TEX", b"no"),
        ("own.sty", b"no"),
        ("a.tex", b"\xef\xbb\xbfA\0"),
        ("z.tex", b"again"),
    ]
    assert faithful(*files) == "Z\r\n\x1c\ufeffA\0\x1cagain"


def test_faithful_paper_is_marked_where_one_file_is_not_utf8():
    assert faithful(("a.tex", b"A"), ("b.tex", b"\xe9")) == "\x1aA\x1c\ufffd"


def test_faithful_file_never_separates_itself():
    assert faithful(("a.tex", b"A\x1cB"), ("b.tex", b"C")) == "AB\x1cC"


def test_faithful_single_file_is_taken_whatever_it_holds():
    assert judged(read_all({"2201/2201.00001.gz": gzip.compress(b"%!PS")}, mode="faithful")) == ["%!PS"]


def test_faithful_rules_are_the_patterns():
    assert [rule.name for rule in CORPUS.filters(ArXiv(mode="faithful"))] == ["arxiv_source", "arxiv_patterns"]


@pytest.mark.parametrize("bound, kept", [(13, True), (12, False)])
def test_what_a_paper_makes_tex_do_is_bounded(monkeypatch, bound, kept):
    monkeypatch.setattr(arxiv, "_MAX_MARKS", bound)
    tree = tar_of({"ms.tex": PAPER + b"\\%{"})
    assert (judged(read_all({"2201/2201.00001.gz": gzip.compress(tree)})) != ["paper_too_large"]) is kept


@pytest.mark.parametrize("bound, kept", [(22, True), (21, False)])
def test_what_tex_reads_again_and_again_is_bounded(monkeypatch, bound, kept):
    monkeypatch.setattr(arxiv, "_MAX_MARKS", bound)
    tree = tar_of({"ms.tex": PAPER.replace(b"text", b"\\input{a}" * 3), "a.tex": b"%\n" * 4})
    assert (judged(read_all({"2201/2201.00001.gz": gzip.compress(tree)})) != ["paper_too_large"]) is kept


@pytest.mark.parametrize("count, kept", [(3, True), (4, False)])
def test_files_of_a_paper_are_bounded_by_their_number(monkeypatch, count, kept):
    monkeypatch.setattr(arxiv, "_MAX_FILES", 3)
    tree = tar_of({"ms.tex": PAPER} | {f"{index}.tex": b"x" for index in range(count - 1)})
    assert judged(read_all({"2201/2201.00001.gz": gzip.compress(tree)})) == [
        PAPER.decode() if kept else "paper_too_large"
    ]


@pytest.mark.parametrize("size, kept", [(len(PAPER), True), (len(PAPER) - 1, False)])
def test_size_of_a_paper_is_bounded_on_both_sides(size, kept):
    records = read_all({"2201/2201.00001.gz": gzip.compress(PAPER)}, max_paper_bytes=size)
    assert judged(records) == [PAPER.decode() if kept else "paper_too_large"]


@pytest.mark.parametrize("bound, kept", [(len(PAPER) + 5000, True), (len(PAPER) + 4999, False)])
def test_files_of_a_paper_are_bounded_together(bound, kept):
    tree = tar_of({"ms.tex": PAPER, "part.tex": b"x" * 5000, "fig.png": b"\x89PNG" * 50})
    records = read_all({"2201/2201.00001.gz": gzip.compress(tree)}, max_paper_bytes=bound)
    assert judged(records) == [PAPER.decode() if kept else "paper_too_large"]


@pytest.mark.parametrize("times, kept", [(16, True), (15, False)])
def test_what_a_paper_inflates_to_is_bounded_too(monkeypatch, times, kept):
    monkeypatch.setattr(arxiv, "_INFLATED_TIMES", times)
    tree = tar_of({"ms.tex": PAPER, "fig.png": b"\x89PNG" * 2000})[: 16 * 640]
    records = read_all({"2201/2201.00001.gz": gzip.compress(tree)}, max_paper_bytes=640)
    assert judged(records) == [PAPER.decode() if kept else "paper_too_large"]


@pytest.mark.parametrize("junk", [b"", b"junk" * 999, b"\x1f\x8b" * 600])
def test_file_that_is_no_archive_is_told(junk):
    assert {record.reason for record in read_all(junk)} <= {"broken_header", "truncated_archive"}
    assert len(read_all(junk)) == 1


def test_every_bad_record_names_a_declared_reason():
    link = tarfile.TarInfo("l")
    link.type = tarfile.LNKTYPE
    content = link.tobuf() + tar_of({"../a.gz": b"", "b.doc": b"", "c.gz": b"", "d.pdf": b""})
    assert {record.reason for record in read_all(content) if isinstance(record, BadRecord)} <= set(BAD_REASONS)


LAUGHS = "".join(rf"\def\{x}{{\{y}\{y}\{y}\{y}}}" for x, y in zip("abcdefghijkl", "bcdefghijklm", strict=True))


@pytest.mark.parametrize(
    "body, outcome",
    [
        (rb"\def\a{\a\a}\section{A} x \a\ y", {"tex_macros.macros_unexpanded": 1}),
        (LAUGHS.encode() + rb"\def\m{ha}\section{A} x \a\ y", {"tex_macros.macros_unexpanded": 1}),
        (rb"\section{A} x " + b"{" * 10_000 + b"}" * 10_000, {}),
        (rb"\section{A} x " + b"{" * 10_000 + rb"\iffalse" * 10_000, {}),
        (rb"\section{A} x " + b"a b " * 500_000, {}),
        (b"% \n" * 100_000, {"tex_comments.comments_removed": 100_000, "no_section": 1}),
        (rb"\section{A} x \input{paper}\input{ms}\input{../../etc/passwd}", {}),
    ],
    ids=["recursion", "laughs", "nested groups", "unclosed", "one line", "comments", "itself"],
)
def test_hostile_papers_end_soon_with_a_reason_or_a_count(body, outcome):
    started, counts = time.process_time(), Counter()
    paper = rb"\documentclass{article}\begin{document}" + body + rb"\end{document}"
    file = RawFile.of_bytes("x.tar", b"")
    [batch] = document_batches("arxiv", file, read_all({"2201/2201.00001.gz": gzip.compress(paper, 1)}))
    for rule in CORPUS.filters(ArXiv()):
        result = rule.apply(batch)
        counts.update({f"{rule.name}.{name}": count for name, count in result.counts.items()})
        counts.update(filter(None, result.reason.to_pylist()))
    assert {name: counts[name] for name in outcome} == outcome
    assert (sum(counts[name] for name in ("no_section", "empty_text")) > 0) is ("no_section" in outcome)
    assert time.process_time() - started < 20


def test_a_line_of_a_hundred_megabytes_is_too_large():
    packer = zlib.compressobj(1, zlib.DEFLATED, 31)
    line = b"".join(packer.compress(b"\\documentclass{a} " + b"x" * (1 << 20)) for _ in range(100)) + packer.flush()
    assert judged(read_all({"2201/2201.00001.gz": line})) == ["paper_too_large"]
