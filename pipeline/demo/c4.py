"""Demo C4: published JSON lines, with a page for each rule of C4's own that still finds something."""

import json
from pathlib import Path
from random import Random

from pipeline.demo import chatter, languages
from pipeline.demo.containers import gzip_member, write_file
from pipeline.demo.prose import PassagePool

SHARDS = 4
_SHARDS_CHARS = 25_000_000  # Of so much prose there are as many shards once more.
_BROKEN = (b'{"text": "cut off in the mid', b"[1, 2, 3]", b'{"url": "https://no-text.org/"}', b'{"text": "\xff\xfe"}')


def write(folder: Path, pool: PassagePool, chars: int, rng: Random) -> None:
    """Writes the shards; one record in fifty stands twice, and each shard ends in broken lines."""
    lines: list[bytes] = []
    for number, passage in enumerate(pool.take(chars)):
        url = f"https://www.reader{number % 30}.example.org/{number}"
        lines.append(_line("\n".join(passage.paragraphs), url))
        if number % 50 == 0:
            lines.append(_line("\n".join(passage.paragraphs), url))
            lines.append(_line("\n".join(passage.paragraphs), url + "?copy=1"))
    lines += [_line(text, f"https://odd{number}.example.org/") for number, text in enumerate(_odd_pages(rng))]
    rng.shuffle(lines)
    shards = SHARDS * -(-chars // _SHARDS_CHARS)
    for shard in range(shards):
        content = b"\n".join([*lines[shard::shards], _BROKEN[shard % len(_BROKEN)]]) + b"\n"
        write_file(folder / f"c4-train.{shard:05d}-of-{shards:05d}.json.gz", gzip_member(content))


def _odd_pages(rng: Random) -> list[str]:
    """Pages that break one rule each."""
    good = chatter.remarks(rng, 4)
    return [
        "",
        "Too short.",
        f"{good}\nLorem ipsum dolor sit amet and so on until the end.",
        f"{good}\nfunction start() {{ return true; }} is how it begins.",
        f"{good}\nPlease enable Javascript to read the rest of this page.\n{good}",
        f"{good}\nOur privacy policy and our terms of use have changed.\n{good}",
        f"{good}\nA line without an end\nAnother such line\n{good}",
        f"{good}\n{'x' * 1200} is one very long word in a line.\n{good}",
        f"{good}\n\n\n{good} [citation needed] [1]",
        "\n".join(languages.article("de", rng, 4)),
        "\n".join(languages.article("ja", rng, 4)),
        chatter.spam(rng, 200),
    ]


def _line(text: str, url: str) -> bytes:
    return json.dumps({"text": text, "timestamp": "2019-04-25T12:57:54Z", "url": url}).encode()
