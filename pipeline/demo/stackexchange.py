"""Demo StackExchange: sites as .7z archives and one as a plain Posts.xml, in the layout of the public dumps."""

from collections.abc import Iterator
from html import escape
from pathlib import Path
from random import Random
from xml.sax.saxutils import quoteattr

from pipeline.demo import chatter
from pipeline.demo.containers import seven_zip, write_file
from pipeline.demo.prose import Passage, PassagePool

SITES = ("writers", "statistics", "packaging", "plain")
_HEAD = '\ufeff<?xml version="1.0" encoding="utf-8"?>\n'


def write(folder: Path, pool: PassagePool, chars: int, rng: Random) -> None:
    """Writes the sites; the last one unpacked, and one archive that is cut off."""
    passages = pool.take(chars)
    for number, site in enumerate(SITES):
        posts = _posts(passages[number :: len(SITES)], site, rng).encode()
        if site == "plain":
            write_file(folder / f"{site}.stackexchange.com" / "Posts.xml", posts)
            continue
        users = f'{_HEAD}<users>\n  <row Id="-1" Reputation="1" DisplayName="Community" />\n</users>\n'.encode()
        archive = seven_zip([("Posts.xml", posts), ("Users.xml", users)])
        write_file(folder / f"{site}.stackexchange.com.7z", archive)
    broken = seven_zip([("Posts.xml", _posts(passages[:2], "broken", rng).encode())])
    write_file(folder / "broken.stackexchange.com.7z", broken[: len(broken) // 2])


def _posts(passages: list[Passage], site: str, rng: Random) -> str:
    rows = [row for thread in _threads(passages, rng) for row in thread]
    rows += list(_odd_rows())
    if site == "plain":
        rows.insert(len(rows) // 2, '  <row Id="77777" PostTypeId="1" Title="cut off" Body="&lt;p&gt;no end')
    return f"{_HEAD}<posts>\n" + "\n".join(rows) + "\n</posts>\n"


def _threads(passages: list[Passage], rng: Random) -> Iterator[list[str]]:
    """A question from the first paragraph of each passage, answers from the others, scores in any order."""
    post_id = 1
    for passage in passages:
        question, *answers = passage.paragraphs
        answered = list(range(post_id + 1, post_id + 1 + len(answers)))
        code = f"<pre><code>import {passage.package}\n</code></pre>\n"
        body = f"<p>{escape(chatter.remark(rng))}</p>\n\n<p>{escape(question)}</p>\n\n{code}"
        accepted = {"AcceptedAnswerId": answered[0]} if answered and rng.random() < 0.5 else {}
        title = f"How is {passage.title} meant in {passage.package}, and <why>?"
        tags = f"<{passage.package}><documentation>"
        thread = [_row(post_id, 1, rng, body, **accepted, Title=title, Tags=tags, AnswerCount=len(answers))]
        for answer_id, answer in zip(answered, answers, strict=True):
            link = f'<ul>\n<li>See <a href="https://example.org/{answer_id}">the manual</a>.</li>\n</ul>\n'
            html = f"<p>{escape(answer)}</p>\n{link}"
            thread.append(_row(answer_id, 2, rng, html, ParentId=post_id))
        post_id += 1 + len(answers)
        yield thread


def _odd_rows() -> Iterator[str]:
    """An orphaned answer, a tag wiki, an empty question, a nest of tags, one without an id, one with an odd score."""
    for values in (
        'Id="90001" PostTypeId="2" ParentId="99999" Score="3" Body="&lt;p&gt;Orphan.&lt;/p&gt;"',
        'Id="90002" PostTypeId="5" Score="0" Body="A tag wiki."',
        'Id="90003" PostTypeId="1" Score="0" Title="" Body="" AnswerCount="0"',
        f'Id="90004" PostTypeId="1" Score="0" Title="Deep" Body="{"&lt;div&gt;" * 2000}deep"',
        'PostTypeId="1" Score="1" Title="No id" Body="&lt;p&gt;Lost.&lt;/p&gt;"',
        'Id="90005" PostTypeId="1" Score="many" Title="Odd score" Body="&lt;p&gt;Hm.&lt;/p&gt;"',
    ):
        yield f'  <row {values} CreationDate="2015-01-01T00:00:00.000" />'


def _row(post_id: int, kind: int, rng: Random, body: str, **more: object) -> str:
    values = {"Id": post_id, "PostTypeId": kind, "CreationDate": f"2015-{rng.randint(1, 12):02d}-03T08:00:00.000"}
    values |= {"Score": rng.choice((-3, 0, 1, 2, 9, 10, 88, 100)), "ViewCount": rng.randint(5, 5000), "Body": body}
    values |= {"OwnerUserId": rng.randint(1, 50), **more, "CommentCount": 0, "ContentLicense": "CC BY-SA 3.0"}
    return "  <row " + " ".join(f"{name}={_attribute(value)}" for name, value in values.items()) + " />"


def _attribute(value: object) -> str:
    return quoteattr(str(value), {"\n": "&#xA;", '"': "&quot;"})
