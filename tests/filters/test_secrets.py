"""No form of a token stands in this file whole, so that nobody takes it for one that leaked."""

import random
import string

import pytest

from filters.secrets import KINDS, RedactSecrets, entropy

SEED = random.Random(7)
ALPHANUMERIC = string.ascii_letters + string.digits
BASE64 = ALPHANUMERIC + "+/"
HEXADECIMAL = "0123456789abcdef"


def made(size, letters=ALPHANUMERIC):
    return "".join(SEED.choices(letters, k=size - 1)) + "7"


def armored(title="RSA PRIVATE KEY", body=None):
    body = "\n".join(made(64, BASE64) for _ in range(4)) if body is None else body
    return f"-----BEGIN {title}-----\n{body}\n-----END {title}-----\n"


SECRETS = [
    ("private_key", armored()),
    ("private_key", armored("PRIVATE KEY")),
    ("private_key", armored("OPENSSH PRIVATE KEY")),
    ("private_key", armored("PGP PRIVATE KEY BLOCK", "Version: 1\n\n" + made(64, BASE64) + "\n=ab12")),
    ("private_key", armored(body="\\n" + made(200, BASE64) + "\\n").replace("\n", "")),
    ("private_key", '"' + '\\n" +\n"'.join(armored().splitlines()) + '"'),
    ("aws_access_key", "key: AK" + "IA" + made(16, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")),
    ("aws_secret_key", "aws_secret_access_key = " + made(40, BASE64)),
    ("gcp_api_key", "AI" + "za" + made(35, ALPHANUMERIC + "-_")),
    ("gcp_oauth_secret", "GOC" + "SPX-" + made(28)),
    ("azure_key", "AccountName=x;Account" + "Key=" + made(86, BASE64) + "==;"),
    ("github_token", "gh" + "p_" + made(36)),
    ("github_token", "github" + "_pat_" + made(82)),
    ("gitlab_token", "gl" + "pat-" + made(20)),
    ("slack_token", "xo" + "xb-290416583712-" + made(24)),
    ("slack_token", "https://hooks.slack" + ".com/services/T" + made(8) + "/B" + made(8) + "/" + made(24)),
    ("stripe_key", "sk_" + "live_" + made(24)),
    ("openai_key", "sk-" + made(20) + "T3Blbk" + "FJ" + made(20)),
    ("anthropic_key", "sk-" + "ant-api03-" + made(95)),
    ("npm_token", "//registry/:_authToken=np" + "m_" + made(36)),
    ("pypi_token", "pypi" + "-AgEIcHlwaS5vcmc" + made(70)),
    ("hugging_face_token", "hf" + "_" + "".join(SEED.choices(string.ascii_letters, k=34))),
    ("shopify_token", "shp" + "at_" + made(32, HEXADECIMAL)),
    ("digitalocean_token", "dop" + "_v1_" + made(64, HEXADECIMAL)),
    ("vault_token", "hv" + "s." + made(92)),
    ("jwt", "ey" + "J" + made(30) + ".ey" + "J" + made(40) + "." + made(43)),
    ("password_in_url", "postgres://" + "jane:s3cr3tP4ss@db.acme.io/x"),
    ("password_in_url", "https://jane:" + made(12) + "@git.acme.io/x.git"),
    ("named_secret", f'client_secret = "{made(32)}"'),
    ("named_secret", f"'apiKey': '{made(32, HEXADECIMAL)}',"),
    ("named_secret", f'const AUTH_TOKEN = "{made(40)}";'),
    ("named_secret", f'settings["db.password"] = "{made(20)}"'),
]


@pytest.mark.parametrize(("kind", "text"), SECRETS)
def test_a_secret_of_each_kind_is_replaced_by_its_name(documents, kind, text):
    result = RedactSecrets().apply(documents(f"before\n{text}\nafter\n"))
    after = result.batch.column("text")[0].as_py()
    assert f"REDACTED_{kind.upper()}" in after
    assert after.startswith("before\n") and after.endswith("\nafter\n") and len(after) <= len(text) + 50
    assert {name: count for name, count in result.counts.items() if count} == {
        "documents_redacted": 1,
        f"redacted_{kind}": 1,
    }


def test_every_kind_has_an_example_here():
    assert {kind for kind, _ in SECRETS} == set(KINDS)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "AK" + "IAIOSFODNN7EXAMPLE",
        "aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        "AK" + "IA" + "A" * 16,
        armored(body="..."),
        armored(body="Your key goes here and nowhere else, please and thank you, for ever and ever."),
        armored("PUBLIC KEY"),
        armored("CERTIFICATE"),
        armored("RSA TESTING KEY"),
        "gh" + "p_" + "x" * 36,
        "gh" + "p_" + "short1",
        "sk_" + "live_" + "x" * 24,
        "task_test_harness = sk_test_helper",
        "ey" + "JhbGciOiJIUzI1NiJ9.ey" + "JzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jRmNHl0w5N_XgL0n3I9PlFUP0THsR8U",
        "commit = '9fceb02d0ae598e95dc970b74767f19372d61af8'",
        'token_hash = "9fceb02d0ae598e95dc970b74767f19372d61af8"',
        'public_key = "9fceb02d0ae598e95dc970b74767f19372d61af8"',
        'token = "f47ac10b-58cc-4372-a567-0e02b2c3d479"',
        'token_chars = "BCDFGHJKLMNPQRSTVWXZ23456789"',
        'token = "BCDFGHJKLMNPQRSTVWXZ23456789"',
        'secret_key = "your-secret-key-here-1"',
        'password = "correct-horse-battery-staple1"',
        'token_alphabet = "abcdefghijklmnopqrstuvwxyz0123456789"',
        'TOKEN = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"',
        'tokenUrl = "https/oauth2.acme.io/v1/Token8xK2"',
        'password_field = "user_password_field_2"',
        'secret = "aaaaaaaaaaaaaaaaaaa1"',
        'api_key = os.environ["SERVICE_API_KEY_V2_PROD"]',
        "api_key = getApiKey(Vault2, Region17)",
        "https://user:password@example.com/",
        "http://user:pass@acme.io",
        "redis://jane:s3cr3tP4ss@localhost:6379",
        "redis://jane:s3cr3tP4ss@127.0.0.1",
        "https://jane:s3cr3tP4ss@api.example.org/",
        "https://${USER}:${PASSWORD}@acme.io",
        "https://%s:%s@acme.io",
        "https://{user}:{password}@acme.io",
        "https://jane:jane@acme.io",
        "https://acme.io:8080/a@b",
        'integrity="sha512-' + made(86, BASE64) + '=="',
    ],
)
def test_examples_hashes_and_words_stay(documents, text):
    result = RedactSecrets().apply(documents(text))
    assert result.batch.column("text").to_pylist() == [text]
    assert not any(result.counts.values())


def test_a_table_of_test_vectors_stays(documents):
    values = [made(64, HEXADECIMAL) for _ in range(4)]
    three, four = ("\n".join(f'PrivateKey: "{value}",' for value in values[:size]) for size in (3, 4))
    result = RedactSecrets().apply(documents(three, four))
    assert result.counts["redacted_named_secret"] == 3
    assert result.batch.column("text")[1].as_py() == four


def test_the_lines_around_a_private_key_stay(documents):
    after = RedactSecrets().apply(documents(armored())).batch.column("text")[0].as_py()
    assert after == "-----BEGIN RSA PRIVATE KEY-----REDACTED_PRIVATE_KEY-----END RSA PRIVATE KEY-----\n"


def test_what_surrounds_a_value_stays(documents):
    text = f'x\napi_key = "{made(32)}"  # mine\nurl = "https://jane:{made(12)}@acme.io/x"\n'
    after = RedactSecrets().apply(documents(text)).batch.column("text")[0].as_py()
    assert after == (
        'x\napi_key = "REDACTED_NAMED_SECRET"  # mine\nurl = "https://jane:REDACTED_PASSWORD_IN_URL@acme.io/x"\n'
    )


def test_all_kinds_are_counted_over_all_documents(documents):
    batch = documents(armored() * 2, "x = 1", f'token = "{made(32)}"')
    result = RedactSecrets().apply(batch)
    expected = dict.fromkeys((f"redacted_{kind}" for kind in KINDS), 0)
    assert result.counts == expected | {
        "documents_redacted": 2,
        "redacted_private_key": 2,
        "redacted_named_secret": 1,
    }
    assert result.reason.to_pylist() == [None, None, None]
    assert result.batch.column("text")[1].as_py() == "x = 1"


def test_redacting_twice_changes_nothing(documents):
    once = RedactSecrets().apply(documents(*(text for _, text in SECRETS)))
    twice = RedactSecrets().apply(once.batch)
    assert twice.batch.column("text").to_pylist() == once.batch.column("text").to_pylist()
    assert not any(twice.counts.values())


@pytest.mark.parametrize(("value", "bits"), [("", 0), ("aaaa", 0), ("abab", 1), ("abcd", 2)])
def test_entropy_is_bits_a_character(value, bits):
    assert entropy(value) == bits


@pytest.mark.parametrize(
    "text",
    [
        "-----BEGIN RSA PRIVATE KEY-----" * 30_000,
        "-----BEGIN PRIVATE KEY-----" + "A" * 900_000,
        ("-----BEGIN PRIVATE KEY-----" + "A" * 15_000) * 60,
        "ey" + "J" * 900_000 + ".eyJ",
        "-eyJ" * 200_000 + ".eyJ",
        "token = '" * 100_000,
        "a://b:c" * 120_000 + "@",
        "aws_" * 250_000,
        "secret." * 130_000,
        "secret = '" + "a1" * 400_000 + "'",
    ],
)
def test_hostile_texts_take_no_time(documents, text):
    assert RedactSecrets().apply(documents(text)).batch.num_rows == 1
