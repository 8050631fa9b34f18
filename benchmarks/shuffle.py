"""How much of the text's size crosses the shuffle."""

from benchmarks.claims import Figures
from benchmarks.inputs import Inputs, text_bytes
from filters.batch import document_batch
from pipeline.dedup import ParagraphRounds


def shuffle_bytes(inputs: Inputs) -> Figures:
    """What paragraph deduplication sends through the shuffle for a file's pages, against the pages' text."""
    pages = inputs.pages(16)
    rounds = ParagraphRounds(block_files=2000, partitions=512)
    rows = (
        {"doc_id": page.url, "source": "commoncrawl", "origin": page.url, "url": page.url, "text": page.text}
        for page in pages
    )
    size = text_bytes([page.text for page in pages])
    sent = sum(len(block) for _, block in rounds.sketch(0, [document_batch(rows)]))
    return Figures(
        ours=sent / 1e6,
        reference=size / 1e6,
        reference_is="the text itself, as a join on lines would send it",
        unit="MB",
        input_bytes=size,
    )
