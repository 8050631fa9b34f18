"""GitHub: passwords, keys and tokens out of code, each replaced by a word that says what stood there."""

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from math import log2
from typing import ClassVar

import pyarrow as pa

from filters.batch import FilterResult, reasons, with_column
from filters.secret_anchors import Anchors, anchor_masks

MIN_ENTROPY_BITS = 3.5
"""Bits a character of a value that is named like a key; names and words of a program have fewer."""

MAX_MEAN_RUN = 3
"""Characters of one kind in a row: words of a program have four and more, random letters and digits two."""

MAX_NAMED_HEXADECIMAL = 3
"""A text with more hexadecimal values that are named like keys is a table of test vectors."""

_IS_EXAMPLE = re.compile(
    r"example|sample|dummy|fake|placeholder|redacted|change_?me|replace|your|insert|my[-_]?(?:secret|token|key|pass)"
    r"|x{4}|\*{3}|\.{3}|0{6}|1{6}|1234567|abcdef|foobar|lorem|deadbeef|[<>{}%$]",
    re.IGNORECASE,
)
_HARMLESS = re.compile(
    r"pass(?:word|wd|phrase)?\d*|pwd|pw|secret\d*|user(?:name)?\d*|admin|root|guest|test(?:ing|er)?\d*|foo|bar|baz"
    r"|token|anonymous|abc\d*|[a-z]\w?|postgres|mysql|credentials?|hunter\d*|\d{1,6}|key|x+|\*+|.*[\[\]{}()<>$%\\|,;].*",
    re.IGNORECASE,
)
_HOST = re.compile(r"\[?[\w.-]*(?::+[\da-f:]+\])?", re.IGNORECASE)
_EXAMPLE_HOST = re.compile(
    r"(?:127|10|192\.168|0\.0|1\.[12]\.\d+|1\.1)\.[\d.]+|(?:.*\.)?(?:example|test|invalid|local|localhost)(?:\.\w+)?"
    r"|(?:.*\.)?(?:foo|bar|domain|host|my\w*|some\w*|your\w*)\.\w+|[^.]*",
    re.IGNORECASE,
)
_UUID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", re.IGNORECASE)
_RUNS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+|\d+")
_HEXADECIMAL = re.compile(r"[0-9a-fA-F]+")
_NAMED_HEXADECIMAL = re.compile(
    r"(?i:secret|key|token|passw(?:or)?d)['\"]?[ \t]*(?::=|=>|[=:])[ \t]*['\"`][0-9a-fA-F]{16,}['\"`]"
)
_NAME_END = re.compile(r"[\w.-]*\Z")
_NO_KEY_NAME = re.compile(
    r"hash|digest|checksum|sha\d|md5|public|finger|url|uri|path|file|name|pattern|regex|format|schema|version|chars|alphabet"
    r"|class|selector|encod|type|label|title|message|text|prefix|integrity|endpoint|nonce|uuid|commit|revision",
    re.IGNORECASE,
)


def _is_random(value: str) -> bool:
    return not _IS_EXAMPLE.search(value) and entropy(value) >= 3


def entropy(value: str) -> float:
    """Bits a character, by how often each stands in the value (Shannon)."""
    size = len(value)
    return -sum(count / size * log2(count / size) for count in Counter(value).values()) if value else 0.0


def _is_key(name: str, value: str) -> bool:
    """Whether a quoted value named like a key is one: random, not a hash, a UUID, a path, an alphabet or words."""
    if _NO_KEY_NAME.search(name) or _UUID.search(value) or _IS_EXAMPLE.search(value):
        return False
    runs = _RUNS.findall(value)
    is_words = sum(map(len, runs)) > MAX_MEAN_RUN * len(runs)
    return entropy(value) >= MIN_ENTROPY_BITS and not is_words


def _is_named_key(match: re.Match[str]) -> bool:
    before = match.string[max(0, match.start() - 40) : match.start()]
    name = _NAME_END.search(before)[0] + match[0][: match.start("secret") - match.start()]  # type: ignore[index]
    if not _is_key(name, match["secret"]):
        return False
    is_hexadecimal = _HEXADECIMAL.fullmatch(match["secret"])
    return not is_hexadecimal or len(_NAMED_HEXADECIMAL.findall(match.string)) <= MAX_NAMED_HEXADECIMAL


def _password_of_address(match: re.Match[str]) -> bool:
    secret, user = match["secret"], match["user"]
    host = _HOST.match(match.string, match.end())
    is_example = _HARMLESS.fullmatch(secret) or _IS_EXAMPLE.search(secret) or secret == user
    return not is_example and not _EXAMPLE_HOST.fullmatch(host[0] if host else "")


def _token(match: re.Match[str]) -> bool:
    return _is_random(match["secret"])


def _body_of_key(match: re.Match[str]) -> bool:
    """Whether there is a key between the lines that frame it, and not three dots."""
    return sum(len(piece) for piece in re.findall(r"[A-Za-z0-9+/=]{16,}", match["secret"])) >= 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One kind of secret: four letters or more that each of them has, its pattern, and what else must hold of a match.

    The group `secret` of the pattern is what goes.
    """

    kind: str
    anchors: tuple[str, ...]
    pattern: re.Pattern[str]
    holds: Callable[[re.Match[str]], bool] = _token


def _rule(kind: str, anchors: str, pattern: str, holds: Callable[[re.Match[str]], bool] = _token) -> Rule:
    return Rule(kind=kind, anchors=tuple(anchors.split()), pattern=re.compile(pattern), holds=holds)


_RULES = (
    _rule(
        "private_key",
        "-----begin",
        r"-----BEGIN (?:[A-Z0-9]{1,12} ){0,3}PRIVATE KEY(?: BLOCK)?-----(?P<secret>[^-]{64,16000}(?:-[^-]{1,200}){0,4})"
        r"-----END ",
        _body_of_key,
    ),
    _rule("aws_access_key", "akia asia abia acca", r"(?P<secret>A(?<!\wA)(?:KIA|SIA|BIA|CCA)[A-Z2-7]{16})\b"),
    _rule(
        "aws_secret_key",
        "aws_ awss wsac ws_s",
        r"(?i:aws.{0,30}?(?:secret|key).{0,30}?['\"=:\s])(?P<secret>(?=[^\s]{0,39}\d)[A-Za-z0-9/+]{40})(?![A-Za-z0-9/+=])",
    ),
    _rule("gcp_api_key", "aiza", r"\b(?P<secret>AIza[\w-]{35})(?![\w-])"),
    _rule("gcp_oauth_secret", "gocspx- ya29.", r"\b(?P<secret>GOCSPX-[\w-]{28}|ya29\.[\w-]{30,})(?![\w-])"),
    _rule("azure_key", "accountkey= accesskey=", r"(?:Account|Access)Key=(?P<secret>[A-Za-z0-9+/]{42,86}={1,2})"),
    _rule(
        "github_token",
        "ghp_ gho_ ghu_ ghs_ ghr_ github_pat_",
        r"\b(?P<secret>gh[pousr]_[A-Za-z0-9]{36,255}|github_pat_\w{82})(?!\w)",
    ),
    _rule(
        "gitlab_token",
        "glpat- gldt- glrt- glcbt- glptt- glsoat-",
        r"\b(?P<secret>gl(?:pat|dt|rt|cbt|ptt|soat)-[\w.-]{20,64})(?![\w-])",
    ),
    _rule(
        "slack_token",
        "xoxb- xoxp- xoxa- xoxr- xoxs- xoxe xoxc- xoxd- xapp- hooks.slack.com/",
        r"\b(?P<secret>xox[abceprsd](?:\.xox[bp])?-[\w-]{20,250}|xapp-\d-[\w-]{20,200}"
        r"|(?<=hooks\.slack\.com/services/)T\w{7,12}/B\w{7,12}/\w{20,30})",
    ),
    _rule(
        "stripe_key",
        "sk_live_ sk_test_ rk_live_ rk_test_ whsec_",
        r"\b(?P<secret>[sr]k_(?:live|test)_[A-Za-z0-9]{16,200}|whsec_[A-Za-z0-9+/=]{30,80})(?!\w)",
    ),
    _rule("openai_key", "t3blbkfj", r"\b(?P<secret>sk-[\w-]{20,100}T3BlbkFJ[\w-]{20,100})(?![\w-])"),
    _rule("anthropic_key", "sk-ant-", r"\b(?P<secret>sk-ant-[a-z]{3,8}\d\d-[\w-]{80,120})(?![\w-])"),
    _rule("npm_token", "npm_", r"\b(?P<secret>npm_[A-Za-z0-9]{36})(?!\w)"),
    _rule("pypi_token", "pypi-age", r"\b(?P<secret>pypi-AgE[\w-]{50,1000})"),
    _rule(
        "hugging_face_token",
        " ".join(f"hf_{letter}" for letter in "abcdefghijklmnopqrstuvwxyz"),
        r"\b(?P<secret>hf_[A-Za-z]{34})(?!\w)",
    ),
    _rule("shopify_token", "shpat_ shpca_ shppa_ shpss_", r"\b(?P<secret>shp(?:at|ca|pa|ss)_[a-fA-F0-9]{32})(?!\w)"),
    _rule("digitalocean_token", "dop_v1_ doo_v1_ dor_v1_", r"\b(?P<secret>do[opr]_v1_[a-f0-9]{64})(?!\w)"),
    _rule("vault_token", "hvs. hvb.", r"\b(?P<secret>hv[sb]\.[\w-]{80,300})(?![\w-])"),
    _rule(
        "jwt",
        ".eyj",
        r"(?<![\w-])(?P<secret>eyJ[\w-]{10,2000}\.eyJ(?!zdWIiOiIxMjM0NTY3ODkw)[\w-]{10,4000}\.[\w-]{20,1000})",
    ),
)
_PASSWORD_IN_URL = _rule(
    "password_in_url",
    "",
    r"[A-Za-z][\w+.-]{1,20}://(?P<user>[^\s:/?#@\"'<>`]{0,64}):(?P<secret>[^\s/@\"'<>`]{3,128})@",
    _password_of_address,
)
_NAMED_SECRET = _rule(
    "named_secret",
    "secret assw assphrase token apikey api_key api-key credential s_key skey s-key te_key ekey tkey h_key"
    " hkey n_key nkey g_key gkey"
    " pwd= pwd: pwd' pwd\" _pwd",
    r"(?i:secret|passw(?:or)?d|passphrase|pwd|token|api[_-]?key|(?:access|auth|private|encryption|signing|session"
    r"|account|license|master|admin|app)[_-]?key|credentials?)[\w.-]{0,30}['\"`\])]{0,3}[ \t]{0,10}"
    r"(?:=>|:=|={1,3}|:)[ \t(]{0,10}['\"`](?P<secret>[\w+/=.~-]{16,250})['\"`]",
    _is_named_key,
)
_ALL = (*_RULES, _PASSWORD_IN_URL, _NAMED_SECRET)
KINDS = tuple(rule.kind for rule in _ALL)
_ANCHORS = Anchors.of(
    {anchor: bit for bit, rule in enumerate(_RULES) for anchor in rule.anchors},
    named=_NAMED_SECRET.anchors,
    address_bit=len(_RULES),
    named_bit=len(_RULES) + 1,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RedactSecrets:
    """Puts `REDACTED_` and the kind in the place of private keys, tokens of known services, and passwords in addresses.

    Source: gitleaks, config/gitleaks.toml, and detect-secrets, its plugins: the forms of tokens, values named like keys
        that are random enough. LLaMA and RedPajama v1 leave secrets in.
    Differs: an example (`AKIA…EXAMPLE`, jwt.io's token), a hash, a UUID, an alphabet, a path and words of a program are
        no secrets, nor is a password for this machine; a value named like a key is one only in quotes.
    Reads text. Rewrites text. Rejects nothing. Counts: documents_redacted, and for each kind redacted_private_key,
        redacted_aws_access_key, redacted_aws_secret_key, redacted_gcp_api_key, redacted_gcp_oauth_secret,
        redacted_azure_key, redacted_github_token, redacted_gitlab_token, redacted_slack_token, redacted_stripe_key,
        redacted_openai_key, redacted_anthropic_key, redacted_npm_token, redacted_pypi_token,
        redacted_hugging_face_token, redacted_shopify_token, redacted_digitalocean_token, redacted_vault_token,
        redacted_jwt, redacted_password_in_url, redacted_named_secret.
    """

    name: ClassVar[str] = "github_secrets"
    reasons: ClassVar[tuple[str, ...]] = ()

    def apply(self, batch: pa.RecordBatch) -> FilterResult:
        """Same rows in the same order; `reason` is null for each."""
        column = batch.column("text")
        masks = anchor_masks(column, _ANCHORS)
        counts = Counter(dict.fromkeys(["documents_redacted", *(f"redacted_{kind}" for kind in KINDS)], 0))
        rewritten: dict[int, str] = {}
        for row in masks.nonzero()[0].tolist():
            before = column[row].as_py()
            after, found = redact(before, int(masks[row]))
            if found:
                rewritten[row] = after
                counts.update({f"redacted_{kind}": number for kind, number in found.items()})
        counts["documents_redacted"] = len(rewritten)
        if rewritten:
            texts = (rewritten.get(row) or text for row, text in enumerate(column.to_pylist()))
            batch = with_column(batch, "text", texts)
        return FilterResult(batch, reasons([None] * batch.num_rows), dict(counts))


def redact(text: str, mask: int = -1) -> tuple[str, Counter[str]]:
    """The text without its secrets, and how many of each kind went. `mask` has a bit for each kind to look for."""
    found: Counter[str] = Counter()
    for bit, rule in enumerate(_ALL):
        if mask >> bit & 1:
            text = rule.pattern.sub(partial(_without, rule, found), text)
    return text, found


def _without(rule: Rule, found: Counter[str], match: re.Match[str]) -> str:
    if not rule.holds(match):
        return match[0]
    found[rule.kind] += 1
    start, end = (place - match.start() for place in match.span("secret"))
    return f"{match[0][:start]}REDACTED_{rule.kind.upper()}{match[0][end:]}"
