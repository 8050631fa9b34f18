"""What may be asked of `export`: formats by name, and what they are made of."""

FORMATS = ("megatron", "datatrove", "olmo", "nanogpt", "llm.c", "litdata", "mds", "parquet")
STREAM, SOURCES = "stream", "sources"
