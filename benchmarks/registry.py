"""All claims, in the order in which they are measured."""

from benchmarks.arxiv import arxiv
from benchmarks.claims import Claim
from benchmarks.code import github
from benchmarks.decontaminate import UNIT, decontaminate
from benchmarks.encode_growth import ENCODING
from benchmarks.encoding import encode_cold, encode_warm
from benchmarks.engine_memory import PARENT_GROWTH, WORKER_GROWTH
from benchmarks.engine_overhead import embedded, spark_local
from benchmarks.growth import CHAIN
from benchmarks.language import language_id
from benchmarks.language_model import train_lm
from benchmarks.lines import duplicate_verdicts, normalise_hash
from benchmarks.loader import load_sources, load_stream
from benchmarks.markup import gutenberg, stackexchange, wikipedia
from benchmarks.minhash import minhash_datasketch, minhash_rensa
from benchmarks.mix import MIXING, mix
from benchmarks.near_growth import growth_near, growth_near_memory
from benchmarks.perplexity import score_perplexity
from benchmarks.posts_growth import POSTS
from benchmarks.shuffle import shuffle_bytes
from benchmarks.token_shards import tokenize
from benchmarks.tokenizer_growth import TOKENIZER
from benchmarks.web_chain import commoncrawl_chain

_ALL = (
    Claim(
        name="normalise-hash",
        compares="the 64-bit keys of all lines of web text, against CCNet's normalisation and SHA-1 line by line in"
        " Python; every key is checked against its specification",
        goal=25,
        measure=normalise_hash,
    ),
    Claim(
        name="language-id",
        compares="the language of web pages, all in one call, against `fasttext.predict` page by page with the same"
        " model; the language is the same for 99.99% of the pages, and no score differs by more than 0.0005",
        goal=5,
        measure=language_id,
    ),
    Claim(
        name="duplicate-verdicts",
        compares="which lines two documents have and which files are told so, judged partition by partition, against"
        " one `np.unique` over all keys, which tells nobody; the duplicate keys are the same",
        goal=1,
        measure=duplicate_verdicts,
    ),
    Claim(
        name="perplexity",
        compares="text of web pages to perplexity under a 5-gram model of pieces, against cc_net's way document by"
        " document: its normalisation in Python, SentencePiece, kenlm; every figure is the same to its printed decimal",
        goal=8,
        measure=score_perplexity,
    ),
    Claim(
        name="train-lm",
        compares="a 5-gram model of ten million pieces, web text repeated with a piece in eight changed, from a text"
        " file to an ARPA file, against KenLM's `lmplz`, which is compiled and looked for on PATH; every logarithm of"
        " the two models is within 1e-4",
        goal=0.5,
        measure=train_lm,
    ),
    Claim(
        name="encode-warm",
        compares="web text to ids in batches of a thousand documents that were encoded before, against SentencePiece's"
        " `encode` document by document; the ids are the same",
        goal=15,
        measure=encode_warm,
    ),
    Claim(
        name="encode-cold",
        compares="up to 50 MB of text of many kinds to ids, from the model's file on and with an empty table, against"
        " SentencePiece likewise; ours has its machine code from the cache, as any process but a machine's first",
        goal=8,
        measure=encode_cold,
    ),
    Claim(
        name="tokenize",
        compares="a Parquet file of documents to a token shard with all sidecars and digests, as a worker writes it,"
        " against a plain loop over SentencePiece that writes ids alone; the files of ids are the same",
        goal=5,
        goal_of="ours",
        measure=tokenize,
    ),
    Claim(
        name="loader",
        compares="a stream in batches of 2,048 sequences of 2,048 tokens at most, out of the page cache, against a"
        " memory map sliced row by row as nanoGPT does; the ids are the same",
        goal=100,
        goal_of="ours",
        measure=load_stream,
    ),
    Claim(
        name="loader-virtual",
        compares="the same batches straight from the sources' token shards, against memory maps of them sliced row by"
        " row at the places that the same plan says; the ids are the same",
        goal=100,
        goal_of="ours",
        measure=load_sources,
    ),
    Claim(
        name="decontaminate",
        compares="n-grams of 13 words of some ten thousand evaluation items looked for in web pages, with evidence,"
        " against every n-gram of a page looked up in a Python set, as lm-evaluation-harness and datatrove do; the same"
        " documents hold as many n-grams of the same items",
        goal=20,
        goal_of="ours",
        measure=decontaminate,
    ),
    Claim(
        name="mix",
        compares="token shards at Table 1's ratios to the stream's shards, through the packs and files of one embedded"
        " worker, against NumPy's gather from a memory map by an index that is there; the bytes are the same",
        goal=100,
        goal_of="ours",
        measure=mix,
    ),
    Claim(
        name="wikipedia",
        compares="wikitext of articles to text, against mwparserfromhell's `strip_code` on the same pages; at least"
        " half of the words are shared, since `strip_code` keeps tables and captions",
        goal=3,
        measure=wikipedia,
    ),
    Claim(
        name="stackexchange",
        compares="posts' HTML to text, against BeautifulSoup as RedPajama v1 calls it, or lxml's `text_content` where"
        " BeautifulSoup is not installed; at least 90% of the words are shared",
        goal=10,
        measure=stackexchange,
    ),
    Claim(
        name="github",
        compares="source files to documents through all rules of stage `clean`, against RedPajama v1's header removal,"
        " statistics and filter file by file in Python; in faithful mode the texts are the same",
        goal=30,
        goal_of="ours",
        measure=github,
    ),
    Claim(
        name="gutenberg",
        compares="Project Gutenberg's wrappers off books, against one regular expression, which knows the newer form"
        " of wrapper alone; at least 90% of the words are shared",
        goal=50,
        goal_of="ours",
        measure=gutenberg,
    ),
    Claim(
        name="arxiv",
        compares="papers of a bulk archive, TeX to text with macros expanded, against RedPajama v1's patterns on the"
        " same archive; MB are of TeX files, and at least half of the words are shared",
        goal=2,
        goal_of="ours",
        measure=arxiv,
    ),
    Claim(
        name="minhash-datasketch",
        compares="MinHash signatures of 128 places from the text of web pages, shingles of five words and all, against"
        " datasketch's `MinHash.bulk` over shingles made in Python; what the two say of a page and an edition of it"
        " differs by no more than chance",
        goal=10,
        measure=minhash_datasketch,
    ),
    Claim(
        name="minhash-rensa",
        compares="the same against rensa's `RMinHash.update`, its fastest way that looks at every shingle",
        goal=1,
        measure=minhash_rensa,
    ),
    Claim(
        name="commoncrawl-chain",
        compares="a WET file to documents with language and perplexity, through the stages as a worker runs them with"
        " rejected documents and ledger written, against plain loops over FastWARC, SHA-1, fastText, SentencePiece and"
        " kenlm, stage by stage with JSON lines between; documents, languages and perplexities are the same",
        goal=5,
        measure=commoncrawl_chain,
    ),
    Claim(
        name="engine-embedded",
        compares="WET files through the stages clean, dedup, language and perplexity on the embedded engine, from the"
        " start of the command to its end, against the same functions called in a plain pool of as many processes, each"
        " once over a minute's work; all files but the logs are the same",
        goal=0.91,
        measure=embedded,
    ),
    Claim(
        name="engine-spark-local",
        compares="the same on Spark on this machine, job server and its start included",
        goal=0.71,
        measure=spark_local,
    ),
    Claim(
        name="engine-memory-parent",
        compares="peak memory of the process that runs the embedded engine over those stages, on 16 times the WET"
        " files, against the files once, less being better",
        goal=0.9,
        measure=PARENT_GROWTH.memory,
    ),
    Claim(
        name="engine-memory-worker",
        compares="peak memory of the largest of its worker processes likewise",
        goal=0.9,
        measure=WORKER_GROWTH.memory,
    ),
    Claim(
        name="shuffle-bytes",
        compares="what paragraph deduplication sends through the shuffle for a file's pages, against the pages' text,"
        " less being better",
        goal=3,
        measure=shuffle_bytes,
    ),
    Claim(
        name="growth",
        compares="speed of the stages clean, dedup, language and perplexity on one WET file of 16 times the text,"
        " against the text once, each run in a process of its own",
        goal=0.9,
        measure=CHAIN.speed,
    ),
    Claim(
        name="growth-memory",
        compares="peak memory of those processes, less being better",
        goal=0.9,
        measure=CHAIN.memory,
    ),
    Claim(
        name="growth-encode",
        compares="speed of encoding single documents of 16 million characters without a blank, a document each of runs"
        " of one character, CJK, digits, letters and words glued together, against documents of a million; in"
        " processor seconds, each run in a process of its own",
        goal=0.8,
        measure=ENCODING.speed,
    ),
    Claim(
        name="growth-posts",
        compares="speed of cleaning one table of posts of 16 times the rows, in parts that exchange them, against the"
        " rows once, in one part; each run in a process of its own",
        goal=0.9,
        measure=POSTS.speed,
    ),
    Claim(
        name="growth-posts-memory",
        compares="peak memory of those processes, less being better",
        goal=0.9,
        measure=POSTS.memory,
    ),
    Claim(
        name="growth-tokenizer-memory",
        compares="peak memory of drawing a sample and training a tokenizer on it, from 16 units of text, against the"
        " same bytes of sample from one of them, less being better; each run in a process of its own",
        goal=0.9,
        measure=TOKENIZER.memory,
    ),
    Claim(
        name="growth-near",
        compares="speed of near-duplicates over web pages, all rounds, on 16 units of text with as many partitions,"
        " against one of them, each run in a process of its own",
        goal=0.9,
        measure=growth_near,
    ),
    Claim(
        name="growth-near-memory",
        compares="peak memory of those processes, less being better",
        goal=0.9,
        measure=growth_near_memory,
    ),
    Claim(
        name="growth-decontaminate",
        compares="speed of the stage decontaminate on one unit of 16 times the documents, against the documents once,"
        " each run in a process of its own",
        goal=0.9,
        measure=UNIT.speed,
    ),
    Claim(
        name="growth-decontaminate-memory",
        compares="peak memory of those processes, less being better",
        goal=0.9,
        measure=UNIT.memory,
    ),
    Claim(
        name="growth-mix",
        compares="speed of mixing a stream of 16 times the tokens, from as many more token shards, against the tokens"
        " once, each run in a process of its own",
        goal=0.9,
        measure=MIXING.speed,
    ),
    Claim(
        name="growth-mix-memory",
        compares="peak memory of those processes, less being better",
        goal=0.9,
        measure=MIXING.memory,
    ),
)

CLAIMS = {claim.name: claim for claim in _ALL}
