"""All stages of a run: their names, their order, which of them share a pipeline, and what each does in a line.

What carries a stage out: of map stages `pipeline/map_stages.py`, of group stages `pipeline/group_stages.py`, of fits
`pipeline/models.py`, of `mix` `pipeline/mix_work.py`, of what comes behind all documents `pipeline/finish.py`.
"""

INDEX_EVALS = "index-evals"
CLEAN = "clean"
TRAIN_LANGUAGE = "train-language"
TRAIN_LM = "train-lm"
PAGES = "pages"
LINES = "lines"
DEDUP = "dedup"
ENGLISH = "english"
LANGUAGE = "language"
PERPLEXITY = "perplexity"
SAMPLE = "sample"
CUTOFFS = "cutoffs"
TRAIN_REFERENCE = "train-reference"
REFERENCE = "reference"
SCORES = "scores"
THRESHOLD = "threshold"
SELECT = "select"
NEAR_DEDUP = "near-dedup"
DECONTAMINATE = "decontaminate"
SAMPLE_TOKENIZER = "sample-tokenizer"
TRAIN_TOKENIZER = "train-tokenizer"
TOKENIZE = "tokenize"
MIX = "mix"
VERIFY = "verify"
TRAIN = "train"
REPORT = "report"

STEPS: tuple[tuple[str, ...], ...] = (
    (INDEX_EVALS,),
    (CLEAN,),
    (TRAIN_LANGUAGE, TRAIN_LM),
    (PAGES, LINES),
    (DEDUP, ENGLISH, LANGUAGE, PERPLEXITY, SAMPLE),
    (CUTOFFS, TRAIN_REFERENCE),
    (REFERENCE, SCORES),
    (THRESHOLD,),
    (SELECT,),
    (NEAR_DEDUP,),
    (DECONTAMINATE,),
    (SAMPLE_TOKENIZER,),
    (TRAIN_TOKENIZER,),
    (TOKENIZE,),
    (MIX,),
    (VERIFY,),
    (TRAIN,),
    (REPORT,),
)
"""Stages in their order; those of one step share a pipeline, between steps lies a barrier."""

STAGES = tuple(stage for step in STEPS for stage in step)

STAGE_HELP = {
    INDEX_EVALS: "Read the evaluation sets that decontaminate.sets names, and index their n-grams of words.",
    CLEAN: "Read raw dumps and clean them: raw files to documents, source by source.",
    TRAIN_LANGUAGE: "Train language identification from Wikipedia, unless language.model names a model.",
    TRAIN_LM: "Train the 5-gram language model from Wikipedia, unless language_model names one.",
    PAGES: "Mark CommonCrawl pages that Wikipedia cites; drop copies of an address or text if the recipe says so.",
    LINES: "Put pages of C4 through its rules about lines, where it is made of WET files.",
    DEDUP: "Drop duplicates: paragraphs of CommonCrawl, documents of C4 and GitHub.",
    ENGLISH: "Keep C4's English pages without bad words, where it is made of WET files as its own code does it.",
    LANGUAGE: "Identify each CommonCrawl document's language (columns language, language_score).",
    PERPLEXITY: "Score CommonCrawl documents with the language model (column perplexity).",
    SAMPLE: "Set aside the few CommonCrawl documents that cutoffs and train-reference read.",
    CUTOFFS: "Compute the perplexity cut-offs between head, middle and tail.",
    TRAIN_REFERENCE: "Train the classifier of pages like those that Wikipedia cites.",
    REFERENCE: "Score CommonCrawl documents with the classifier (column reference_score).",
    SCORES: "Count how the reference scores are spread, for threshold and report.",
    THRESHOLD: "Choose the lowest reference score that is kept: the recipe's, or by its token budget.",
    SELECT: "Apply the thresholds on language, perplexity and reference score.",
    NEAR_DEDUP: "Drop documents that nearly repeat a longer one, of the sources that the recipe names.",
    DECONTAMINATE: "Drop or mark documents that hold text of evaluation sets, with evidence, and report on each set.",
    SAMPLE_TOKENIZER: "Set aside the documents that train-tokenizer reads: a draw at the mixture's ratios.",
    TRAIN_TOKENIZER: "Train the SentencePiece BPE tokenizer on the sample, and report what it is like.",
    TOKENIZE: "Turn documents into token shards with sidecars for other trainers.",
    MIX: "Write the stream: sequences of all sources in training order, at the mixture's ratios.",
    VERIFY: "Recount tokens and stream from their bytes: every source, sequence and sidecar against the plan.",
    TRAIN: "Train the LLaMA model of the recipe on the stream; goes on from the newest checkpoint.",
    REPORT: "Write report.html: what happened to every document.",
}
"""What each stage does: the help of its command."""
