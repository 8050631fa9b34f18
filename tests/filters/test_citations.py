"""Which pages an article cites."""

import bz2
import html
import re
import time
import zlib
from xml.etree import ElementTree

import mwparserfromhell
import pytest

from filters.citation_templates import is_citation, is_footnote, template_name
from filters.citations import MAX_CITED_URLS, MAX_DEPTH, cited_urls
from filters.urls import is_archived, normalize_url, original_url


@pytest.mark.parametrize(
    "wikitext, urls",
    [
        ("", ()),
        ("see http://a.example/x", ()),
        ("== External links ==\n* [http://a.example/x A]\n* {{official website|http://b.example}}", ()),
        ("<ref>http://a.example/x.</ref>", ("http://a.example/x",)),
        ('<ref name="n">[https://a.example/x Title]</ref>', ("https://a.example/x",)),
        ("<ref name=a group='b'\n>http://a.example</ref>", ("http://a.example",)),
        ("<REF>{{cite web | url = https://a.example/x?y=1&z=2 | title=T}}</REF >", ("https://a.example/x?y=1&z=2",)),
        ("{{Cite book|title=T|url=http://b.example/}}", ("http://b.example/",)),
        ("{{Infobox|url=http://home.example|note=<ref>http://b.example</ref>}}", ("http://b.example",)),
        ('<ref name="n" /> http://a.example <ref name="n" />', ()),
        ('<ref name="n" /> <ref>http://a.example</ref>', ("http://a.example",)),
        (
            "<ref>http://a.example</ref> http://b.example <ref>http://c.example</ref>",
            ("http://a.example", "http://c.example"),
        ),
        ("<ref>http://a.example</ref><ref>https://www.a.example/</ref>", ("http://a.example",)),
        ("<references><ref name=a>http://a.example</ref></references>", ("http://a.example",)),
        ("{{reflist|2|refs=\n<ref name=a>http://a.example</ref>\n{{refn|http://b.example}}}}", ("http://a.example", "http://b.example")),
        ("text{{r|Smith|p=5}} {{sfn|Doe|1999|loc=http://a.example}}", ()),
        ("<ref>http://never.closed", ()),
        ("<ref>http://</ref><ref>https://...</ref>", ()),
        ("<ref>{{URL|a.example/x?b=c}}</ref>", ("http://a.example/x?b=c",)),
        ("<ref>{{URL|http%3A%2F%2Fa.example%2Fx}}</ref>", ("http://a.example/x",)),
        ("<ref>[//a.example/x A] //b.example</ref>", ("http://a.example/x",)),
        ("{{cite web|url=//a.example/x}}", ("http://a.example/x",)),
        ("{{cite web|url=www.a.example/x|website=b.example}}", ("http://www.a.example/x",)),
        ("{{cite web|title=[http://a.example/x T]|publisher=P}}", ("http://a.example/x",)),
        ("{{cite web|title=[[a|b]]|url=a.example}}", ("http://a.example",)),
        ("{{cite web|title=[[a|url=b.example}}", ()),
        ("{{cite book|chapter={{lang|de|x}}|url=a.example}}", ("http://a.example",)),
        ("<ref>ftp://a.example mailto:b@c.example xhttp://d.example</ref>", ()),
    ],
)  # fmt: skip
def test_urls_of_references_and_citation_templates_are_found(wikitext, urls):
    assert cited_urls(wikitext) == urls


@pytest.mark.parametrize(
    "wikitext, urls",
    [
        ("<!-- <ref>http://a.example</ref> -->", ()),
        ("<ref><!-- http://a.example </ref> -->http://b.example</ref>", ("http://b.example",)),
        ("{{cite web|url=<!-- http://a.example -->http://b.example}}", ("http://b.example",)),
        ("{{cite web|url=<!-- gone -->b.example/x}}", ("http://b.example/x",)),
        ("<!-- never closed <ref>http://a.example</ref>", ()),
        ("<nowiki><ref>http://a.example</ref></nowiki>", ()),
        ("<ref><nowiki>http://a.example</nowiki></ref>", ()),
        ("<pre>{{cite web|url=http://a.example}}</pre>", ()),
        ('<syntaxhighlight lang="xml"><ref>http://a.example</ref></syntaxhighlight>', ()),
        ("<nowiki/><ref>http://a.example</ref>", ("http://a.example",)),
        ("<nowiki><ref>http://a.example</ref>", ("http://a.example",)),
    ],
)
def test_what_is_no_wikitext_cites_nothing(wikitext, urls):
    assert cited_urls(wikitext) == urls


@pytest.mark.parametrize(
    "wikitext, urls",
    [
        ("{{cite web|url=http://a.example <ref>http://b.example</ref>", ("http://b.example",)),
        ("{{cite web|url=http://a.example {{cite web|url=http://b.example}} c", ("http://b.example",)),
        ("<ref>{{cite web|url=http://a.example</ref> {{cite web|url=http://b.example}}", ("http://a.example", "http://b.example")),
        ("<ref>{{refn|{{cite web|url=http://a.example}}</ref>}}", ("http://a.example",)),
        ("<ref>a <ref>http://a.example</ref> http://b.example</ref>", ("http://a.example",)),
        ("}} <ref>http://a.example</ref> ]] </ref> {{", ("http://a.example",)),
        ("{{efn|see <ref>http://a.example</ref> and http://b.example", ("http://a.example",)),
    ],
)  # fmt: skip
def test_what_is_not_closed_spoils_nothing_else(wikitext, urls):
    assert cited_urls(wikitext) == urls


@pytest.mark.parametrize(
    "wikitext, urls",
    [
        ("<ref>http://a.example https://web.archive.org/web/2001/http://a.example</ref>", ("http://a.example",)),
        ("<ref>https://web.archive.org/web/2001/http://a.example/x</ref>", ("http://a.example/x",)),
        ("<ref>{{webarchive|url=https://archive.is/20120101/http://a.example/x}}</ref>", ("http://a.example/x",)),
        (
            "{{cite web|url=http://a.example/x|archive-url=https://web.archive.org/web/2001id_/http://a.example:80/x}}",
            ("http://a.example/x",),
        ),
        ("{{cite web|url=http://a.example/x|archiveurl=http://www.webcitation.org/5xAbC}}", ("http://a.example/x",)),
        ("<ref>https://archive.is/AbCdE</ref>", ()),
    ],
)
def test_of_an_archived_copy_the_original_is_cited(wikitext, urls):
    assert cited_urls(wikitext) == urls


@pytest.mark.parametrize("mark", [".", ",", ";", ":", "!", "?", "'", "''.", ").,"])
def test_marks_behind_an_address_are_none_of_it(mark):
    assert cited_urls(f"<ref>http://a.example/x{mark} b</ref>") == ("http://a.example/x",)


@pytest.mark.parametrize("mark", ["|", "{", "}", "<b>", "[", "]", '"', "\t", "\u3000", "&lt;b", "&nbsp;b", "''b''"])
def test_an_address_ends_before_wikitexts_own_marks(mark):
    assert cited_urls(f"<ref>http://a.example/x{mark}b</ref>") == ("http://a.example/x",)


@pytest.mark.parametrize(
    "written, url",
    [
        ("http://a.example/x_(y)", "http://a.example/x_(y)"),
        ("[http://a.example/x. Title]", "http://a.example/x."),
        ("{{cite web|url= http://a.example/Inc. |title=T}}", "http://a.example/Inc."),
        ("http://a.example/?b=1&amp;c=2&copy=3", "http://a.example/?b=1&c=2&copy=3"),
        ("{{cite web|url=http://a.example/?b{{=}}1{{!}}c}}", "http://a.example/?b=1|c"),
        ("http://a.example/it's", "http://a.example/it's"),
        ("HTTPS://a.example/x", "HTTPS://a.example/x"),
    ],
)
def test_an_address_is_read_as_mediawiki_reads_it(written, url):
    assert cited_urls(f"<ref>{written}</ref>") == (url,)


def test_addresses_stand_in_the_order_of_the_page():
    page = (
        "{{cite web|url=http://b.example|x={{cite|http://d.example}}|y=http://c.example}} <ref>http://a.example</ref>"
    )
    assert cited_urls(page) == tuple(f"http://{letter}.example" for letter in "bdca")


def test_number_of_urls_is_bounded():
    text = "".join(f"<ref>http://a.example/{number}</ref>" for number in range(MAX_CITED_URLS + 1))
    assert len(cited_urls(text)) == MAX_CITED_URLS


@pytest.mark.parametrize("depth, found", [(MAX_DEPTH - 1, 1), (MAX_DEPTH, 1), (MAX_DEPTH + 1, 0)])
def test_depth_is_bounded_and_what_follows_is_read(depth, found):
    nested = "{{x|" * (depth - 1) + "{{cite web|url=http://a.example}}" + "}}" * (depth - 1)
    assert cited_urls(nested) == ("http://a.example",) * found
    assert cited_urls(nested + "{{cite web|url=http://b.example}}")[-1] == "http://b.example"


def test_a_reference_too_deep_to_be_looked_around_leaves_the_depth_as_it_was():
    nested = "{{x|" * (MAX_DEPTH + 5) + "<ref>{{cite|http://a.example}}</ref>" + "}}" * (MAX_DEPTH + 5)
    assert cited_urls(f"{{{{cite web|a={nested}|url=b.example}}}}") == ("http://a.example", "http://b.example")


@pytest.mark.parametrize(
    "piece",
    [
        *("<ref>", "<ref ", "</ref", "<ref>http://a ", "<ref>{{", "<!--", "<pre>", "<nowiki", "{{ ", "}}", "[[", "[//"),
        *("{{cite ", "{{cite web|", "{{cite web|url=a.", "{{url|a.b-", "|url=", "{{!}}", "&amp;", "%3A%2F%2F"),
        *("http://", "http://a.example/'"),
    ],
)
@pytest.mark.parametrize("start", ["", "<ref>", "{{cite web|url="])
def test_hostile_page_takes_bounded_time(piece, start):
    before = time.process_time()
    cited_urls(start + "http://" + piece * (400_000 // len(piece)) + "</ref>")
    assert time.process_time() - before < 5


def addresses_by_mwparserfromhell(wikitext):
    """Normalised addresses with a scheme in what another parser takes for references and citations."""
    page = mwparserfromhell.parse(wikitext)
    places = [str(tag.contents or "") for tag in page.filter_tags(matches=lambda tag: tag.tag.strip().lower() == "ref")]
    named = ((template_name(str(template.name)), template) for template in page.filter_templates())
    places += [str(template) for name, template in named if is_citation(name) or is_footnote(name)]
    found = set()
    for place in places:
        text = re.sub(r"<!--.*?-->|<(nowiki|pre|math)>.*?</\1>", "", place, flags=re.DOTALL)
        for match in re.finditer(r"""\b(?:https?:|(?<=\[))//(?:[^\s|{}<>\[\]"']|'(?!'))+""", text, re.IGNORECASE):
            url = re.sub(r"&\w+;", lambda entity: html.unescape(entity[0]), match[0].removeprefix("//"))
            free = not re.search(r"(?:\[|= *)\Z", text[: match.start()][-20:])
            url = original_url(
                re.sub(r"[,;.:!?')]+\Z" if "(" not in url else r"[,;.:!?']+\Z", "", url) if free else url
            )
            found.add("" if is_archived(url) else normalize_url(url))
    return found - {""}


def dump(path):
    return [node.text or "" for _, node in ElementTree.iterparse(bz2.open(path)) if node.tag.endswith("}text")]


@pytest.mark.real
@pytest.mark.parametrize(
    "language, count, checksum",
    [
        ("bg", 16, 0x7D11C009),
        ("ca", 35, 0x8EE4E9D8),
        ("cs", 4, 0x08F8990D),
        ("da", 10, 0x5ADA281F),
        ("de", 240, 0xC9072064),
        ("en", 1708, 0xC4037DFD),
        ("es", 31, 0xEBA2E459),
        ("fr", 67, 0xDBEBCC58),
        ("hr", 3, 0x613248AD),
        ("hu", 22, 0x2CDD3BC7),
        ("it", 34, 0x5AF8F46B),
        ("nl", 22, 0xCFB4A391),
        ("pl", 29, 0xC9848799),
        ("pt", 84, 0x51FBDC1D),
        ("ro", 178, 0xADE0D46A),
        ("ru", 15, 0x7D5BE5B8),
        ("sl", 2, 0xA8F20E69),
        ("sr", 23, 0x8CEC22C4),
        ("sv", 52, 0x00AA3976),
        ("uk", 22, 0x54DED8E0),
    ],
)
def test_a_real_dump_of_each_wiki_gives_what_it_cites(real_data, language, count, checksum):
    pages = dump(real_data / f"wikipedia/dbpedia-minidumps/{language}wiki-minidump.xml.bz2")
    found = [url for page in pages for url in cited_urls(page)]
    assert (len(found), zlib.crc32("\n".join(found).encode())) == (count, checksum)


@pytest.mark.real
@pytest.mark.parametrize(
    "name, compared, without_scheme",
    [("dbpedia-minidumps/*wiki-minidump.xml.bz2", 2773, 3), ("enwiki-gensim/*-shortened.bz2", 248, 0)],
)
def test_another_parser_finds_the_same_but_for_addresses_without_a_scheme(real_data, name, compared, without_scheme):
    pages = [page for path in sorted((real_data / "wikipedia").glob(name)) for page in dump(path)[:60]]
    ours = [{normalize_url(url) for url in cited_urls(page)} for page in pages]
    theirs = [addresses_by_mwparserfromhell(page) for page in pages]
    assert not [missed for one, other in zip(ours, theirs, strict=True) if (missed := other - one)]
    assert (sum(map(len, theirs)), sum(map(len, ours)) - sum(map(len, theirs))) == (compared, without_scheme)
