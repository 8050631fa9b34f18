"""All corpora by source."""

from pipeline.corpora import arxiv, books, c4, commoncrawl, github, stackexchange, wikipedia
from pipeline.corpora.corpus import Corpus

CORPORA: dict[str, Corpus] = {
    module.CORPUS.source: module.CORPUS for module in (commoncrawl, c4, github, wikipedia, books, arxiv, stackexchange)
}


def chains() -> dict[str, tuple[str, ...]]:
    """The stages that each source goes through, tokens included."""
    return {source: (*corpus.stages, "tokenize") for source, corpus in CORPORA.items()}
