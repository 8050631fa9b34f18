"""CCNet's cut-offs between head, middle and tail, which fit CCNet's own models alone.

Source: facebookresearch/cc_net cc_net/data/cutoff.csv, percentiles 30 and 60, as perplexity.py takes them.
"""

PIECES = 65536
"""How many pieces each of CCNet's SentencePiece models has."""

HEAD_PERCENTILE, MIDDLE_PERCENTILE = 30, 60

CCNET_CUTOFFS = {
    "de": (370, 590),
    "it": (220, 360),
    "fr": (180, 330),
    "nl": (430, 650),
    "pl": (160, 260),
    "pt": (170, 270),
    "es": (180, 290),
    "no": (430, 680),
    "da": (380, 600),
    "id": (600, 970),
    "lt": (190, 270),
    "fi": (1110, 1500),
    "en": (340, 520),
    "hu": (80, 140),
    "ro": (180, 270),
    "ko": (920, 2130),
    "ar": (490, 790),
    "bn": (190, 300),
    "fa": (370, 700),
    "ru": (210, 310),
    "uk": (140, 220),
    "ml": (2430, 3220),
    "my": (2530, 3040),
    "lv": (1130, 1480),
    "is": (850, 1190),
    "ca": (210, 330),
    "ne": (860, 1130),
    "et": (1270, 1620),
    "hy": (750, 1080),
    "ja": (1110, 1450),
    "hr": (720, 910),
    "hi": (480, 790),
    "az": (600, 950),
    "el": (450, 670),
    "cs": (820, 1140),
    "bg": (450, 680),
    "he": (1280, 1710),
    "zh": (1460, 1950),
    "ka": (910, 1310),
    "km": (1040, 2180),
    "gu": (1110, 1570),
    "mk": (530, 740),
    "kn": (2210, 2800),
    "mr": (1380, 1870),
    "af": (540, 770),
    "mn": (680, 1010),
    "kk": (610, 930),
    "be": (670, 910),
}
"""Of each language the perplexities below which a document is in the head, and in the middle."""
