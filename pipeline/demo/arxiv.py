"""Demo arXiv: bulk tars of LaTeX submissions with macros, comments, \\input trees, and members that have no source."""

from collections.abc import Iterator
from pathlib import Path
from random import Random

from pipeline.demo.containers import gzip_member, tar_archive, write_file
from pipeline.demo.prose import Passage, PassagePool

MONTHS = ("2206", "2207")
PASSAGES_A_PAPER = 5
_OUTSIDE = "/etc/passwd"
_EMPTY = b"\\documentclass{article}\n\\begin{document}\n\\section{One}\n% nothing yet\n\\end{document}\n"
_WITHDRAWN = b"\\documentclass{article}\n\\begin{document}\nWithdrawn.\n\\end{document}\n"


def write(folder: Path, pool: PassagePool, chars: int, rng: Random) -> None:
    """Writes a tar a month; the second one ends in the middle of a member."""
    passages = pool.take(chars)
    papers = [passages[at : at + PASSAGES_A_PAPER] for at in range(0, len(passages), PASSAGES_A_PAPER)]
    for index, month in enumerate(MONTHS):
        members = list(_members(month, papers[index :: len(MONTHS)], rng))
        content = tar_archive(members)
        if index == 1:
            cut = tar_archive([(f"{month}/{month}.09999.gz", gzip_member(b"x" * 64) * 40)])
            content = content[: _end_of_members(members)] + cut[:1200]
        write_file(folder / f"arXiv_src_{month}_001.tar", content)


def _end_of_members(members: list[tuple[str, bytes | str]]) -> int:
    return sum(512 + (-(-len(content) // 512) * 512 if isinstance(content, bytes) else 0) for _, content in members)


def _members(month: str, papers: list[list[Passage]], rng: Random) -> Iterator[tuple[str, bytes | str]]:
    number = 0
    for number, paper in enumerate(papers, start=1):
        name = f"{month}/{month}.{number:05d}.gz"
        if number % 4 == 0:
            yield name, gzip_member(_single(paper, rng).encode())
        elif number % 4 == 1:
            yield name, gzip_member(tar_archive([("paper.tex", _single(paper, rng).encode("latin-1", "replace"))]))
        else:
            yield name, gzip_member(tar_archive(_tree(paper, rng)))
    yield f"{month}/{month}.{number + 1:05d}.pdf", b"%PDF-1.4\n% no source was submitted\n%%EOF\n"
    yield f"{month}/{month}.{number + 2:05d}.gz", gzip_member(_WITHDRAWN)
    yield f"{month}/{month}.{number + 3:05d}.gz", b"this is no gzip file at all"
    yield f"{month}/{month}.{number + 4:05d}.gz", gzip_member(tar_archive([("figure.eps", b"%!PS\n")]))
    yield f"{month}/{month}.{number + 6:05d}.gz", gzip_member(_EMPTY)
    yield f"{month}/{month}.{number + 7:05d}.gz", _OUTSIDE
    yield f"{month}/../../outside.gz", gzip_member(_WITHDRAWN)
    whole = gzip_member(tar_archive(_tree(papers[0], rng))) if papers else b""
    yield f"{month}/{month}.{number + 5:05d}.gz", whole[: len(whole) // 2]


def _tree(paper: list[Passage], rng: Random) -> list[tuple[str, bytes]]:
    """Several files: the first is the root, which inputs the macros and the sections; one is never used."""
    inputs = "".join(f"\\input{{sections/part{number}}}\n" for number in range(len(paper)))
    root = _preamble(paper[0].title) + "\\input macros.tex\n" + _abstract(paper) + inputs + _ending(paper)
    files = [("ms.tex", root), ("macros.tex", _macros()), ("unused.tex", "\\section{Never used}\nOld text.\n")]
    files += [(f"sections/part{number}.tex", _section(passage, rng)) for number, passage in enumerate(paper)]
    files += [("ms.bbl", "\\bibitem{a} A.\n"), ("fig1.pdf", "%PDF-1.4\n")]
    return [(name, text.encode()) for name, text in files]


def _single(paper: list[Passage], rng: Random) -> str:
    sections = "".join(_section(passage, rng) for passage in paper)
    return _preamble(paper[0].title) + _macros() + _abstract(paper) + sections + _ending(paper)


def _preamble(title: str) -> str:
    head = "% Submitted to the demo\n\\documentclass[12pt]{article}\n\\usepackage{amsmath} % for align\n"
    return f"{head}\\title{{{title}}}\n"


def _macros() -> str:
    return (
        "\\newcommand{\\lib}{the library}\n\\newcommand{\\vect}[1]{\\mathbf{#1}}\n\\def\\eps{\\varepsilon}\n"
        "\\newcommand{\\pair}[2][x]{(#1, \\vect{#2})}\n"
        "\\newcommand{\\again}{\\again\\again}\n\\DeclareMathOperator{\\rank}{rank}\n"
        "%\\section{A heading in a comment}\n"
    )


def _abstract(paper: list[Passage]) -> str:
    return f"\\begin{{document}}\n\\maketitle\n\\begin{{abstract}}\n{_tex(paper[0].paragraphs[0])}\n\\end{{abstract}}\n"


def _section(passage: Passage, rng: Random) -> str:
    lines = [f"\\section{{{passage.title}}}\\label{{sec:{rng.randint(1, 999)}}}"]
    for text in passage.paragraphs:
        lines.append(_tex(text) + ("  % check this sentence\n" if rng.random() < 0.3 else "\n"))
        if rng.random() < 0.4:
            lines.append(
                f"In \\lib\\ we have $\\|\\vect{{x}}_{{{rng.randint(1, 9)}}}\\| < \\eps$ and $\\pair{{y}}$, thus\n"
                f"\\begin{{equation}}\n  \\rank A = {rng.randint(2, 40)} \\quad\\text{{at 95\\% of}}\\ \\eps. "
                "\\\\% end\n\\end{equation}\n"
            )
        if rng.random() < 0.1:
            lines += ["Once \\again.", "\\begin{comment}\nA reviewer's remark.\n\\end{comment}"]
            lines.append("\\iffalse\nAn old draft.\n\\fi\n")
    return "\n".join(lines) + "\n"


def _tex(text: str) -> str:
    for character in "&%$#_":
        text = text.replace(character, "\\" + character)
    return text.replace("^", "").replace("~", "")


def _ending(paper: list[Passage]) -> str:
    return (
        f"\\begin{{thebibliography}}{{9}}\n\\bibitem{{a}} By {paper[0].package}.\n\\end{{thebibliography}}\n"
        "\\appendix\n\\section{Left out}\nNothing after the bibliography is kept.\n\\end{document}\n"
    )
