"""Small articles and pages that the fits are tested on: what Wikipedia cites, and what sells things."""

import json
import random

from filters.batch import document_batch
from pipeline.recipe import Recipe

WORDS = {
    "en": "the house is old and garden behind it full of apples nobody has gathered this year study museum".split(),
    "de": "das haus ist alt und der garten dahinter voller äpfel die in diesem jahr niemand gesammelt hat".split(),
}
SPAM = "buy cheap click discount casino login cart free shipping subscribe".split()


def recipe(**tables):
    return Recipe.model_validate({"name": "test", "seed": 1} | tables)


def article(i, language="en", words=None, **columns):
    dice = random.Random(f"{language}{i}{words}")
    lines = [" ".join(dice.choices(words or WORDS[language], k=12)) for _ in range(8)]
    found = {"doc_id": f"{language}{i}", "source": "wikipedia", "origin": str(i), "language": language}
    return found | {"text": "\n".join(lines)} | columns


def reader(**sources):
    """`read(source, columns)` over rows, in batches of seven."""

    def read(source, columns=None):
        rows = sources[source]
        batches = (document_batch(rows[i : i + 7]) for i in range(0, len(rows), 7))
        return (batch.select(columns) if columns else batch for batch in batches)

    return read


def wikipedia(**columns):
    return [article(i, language, **columns) for i in range(60) for language in ("en", "de")]


def crawl(count=60):
    """Pages about what Wikipedia cites, and as many that sell things."""
    scores = {"language_score": 0.9, "source": "commoncrawl"}
    good = {"cited": True} | scores
    cited = [article(i, url=f"http://good{i}.org/page/", perplexity=10.0 + i, **good) for i in range(count)]
    random_ = [article(i, words=SPAM, doc_id=f"spam{i}", url=f"http://spam{i}.com/", **scores) for i in range(count)]
    return [page for pair in zip(cited, random_, strict=True) for page in pair]


CITING = reader(
    wikipedia=[article(i) for i in range(60)],
    commoncrawl=crawl(),
)
REFERENCE = {"min_chars": 100, "dimension": 8, "epochs": 30}


def files_of_two_fits(fit, folder, settings):
    """The report and the files of a fit, twice over."""
    read = reader(wikipedia=wikipedia(), commoncrawl=crawl())
    for name in ("a", "b"):
        (folder / name).mkdir()
        report = json.dumps(fit(read, settings, folder / name))
        yield report, {path.name: path.read_bytes() for path in (folder / name).iterdir()}
