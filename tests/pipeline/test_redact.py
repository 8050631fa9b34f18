"""No secret is printed, logged or written, whichever way it came in; and what is no secret stays to be read."""

import json
import logging
import os
import subprocess
import time
from pathlib import Path

import pytest

from pipeline.redact import HIDDEN, RedactingFormatter, is_secret, redact, redacted, redacting

SECRET = "wJalrXUtnFEMI/K7MDENG"


@pytest.mark.parametrize(
    "text",
    [
        f"--s3_secret_access_key={SECRET}",
        f"--s3_secret_access_key {SECRET} --region=x",
        f"unknown Beam flag --s3_secret_acces_key={SECRET}; did you mean --s3_secret_access_key?",
        f"options: {{'s3_secret_access_key': '{SECRET}', 'region': 'x'}}",
        json.dumps({"azure_connection_string": SECRET}),
        f"AccountName=me;AccountKey={SECRET};EndpointSuffix=core.windows.net",
        f"cannot read https://me:{SECRET.replace('/', '')}@host/dumps".replace(SECRET.replace("/", ""), SECRET[:12]),
        f"https://account.blob.core.windows.net/c/f?sv=2024&sig={SECRET}&se=2026",
        f"https://b.s3.amazonaws.com/f?X-Amz-Credential={SECRET}&X-Amz-Expires=60&X-Amz-Signature={SECRET}",
        f"Authorization: Bearer {SECRET}",
        f"-----BEGIN PRIVATE KEY-----\n{SECRET}\n-----END PRIVATE KEY-----",
        f'{{"type": "service_account", "private_key": "{SECRET}"}}',
        f"HF_TOKEN={SECRET} tokenmill run",
    ],
)
def test_a_secret_is_hidden_whichever_way_it_is_named(text):
    said = redact(text)
    assert SECRET[:12] not in said
    assert HIDDEN in said


@pytest.mark.parametrize(
    "text",
    [
        "gs://bucket/run/documents/clean/c4/a.parquet",
        "abfs://container@account.dfs.core.windows.net/run",
        "tokens: 12,345 of 20,000; token_budget = 5",
        "--dataflow_kms_key_name_of_nothing --region=europe-west1",
        '{"tokenizer": {"model": "a.model"}, "sequence_tokens": 2048}',
        "http://localhost:8081/jobs?state=RUNNING",
        "piece 3 of commoncrawl/a.wet.gz failed: unexpected token: <",
    ],
)
def test_what_is_no_secret_stays(text):
    assert redact(text) == text


@pytest.mark.parametrize(
    "name", ["AWS_SECRET_ACCESS_KEY", "AZURE_STORAGE_KEY", "WANDB_API_KEY", "HF_TOKEN", "X_PASSWORD"]
)
def test_a_secret_of_the_environment_is_hidden_wherever_it_turns_up(name, monkeypatch):
    monkeypatch.setenv(name, SECRET)
    assert redact(f"403 for <{SECRET}>") == f"403 for <{HIDDEN}>"


def test_a_variable_that_names_a_file_or_hardly_anything_hides_no_words(tmp_path, monkeypatch):
    monkeypatch.setenv("MY_API_KEY", str(tmp_path))
    monkeypatch.setenv("MY_TOKEN", "on")
    assert redact(f"read {tmp_path}, and so on") == f"read {tmp_path}, and so on"


def test_a_token_that_is_longer_than_any_path_is_hidden(monkeypatch):
    monkeypatch.setenv("MY_TOKEN", "j" * 5000)
    assert redact("j" * 5000) == HIDDEN


def test_a_mapping_is_redacted_by_its_keys_and_its_addresses():
    recipe = {"inputs": {"root": f"s3://k:{SECRET[:12]}@b"}, "api_key": SECRET, "token": "", "tokens": [1], "x": None}
    assert redacted(recipe) == {
        "inputs": {"root": f"s3://{HIDDEN}@b"}, "api_key": HIDDEN, "token": "", "tokens": [1], "x": None
    }  # fmt: skip


def test_flags_that_hold_secrets_are_known_by_name():
    assert is_secret("s3_secret_access_key")
    assert is_secret("azure_connection_string")
    assert not is_secret("token_budget")


def test_a_log_has_neither_flag_nor_traceback_with_a_secret():
    try:
        raise OSError(f"https://me:{SECRET[:12]}@host is not there")
    except OSError as error:
        record = logging.LogRecord("beam", 20, "", 1, "options %s", ({"s3_secret_access_key": SECRET},), None)
        record.exc_info = (OSError, error, None)
    said = RedactingFormatter("%(message)s").format(record)
    assert SECRET[:12] not in said
    assert "host is not there" in said


def test_what_other_programs_write_reaches_the_log_without_secrets(tmp_path):
    log = tmp_path / "run.log"
    log.write_text("before\n")
    with redacting(log) as descriptor:
        subprocess.run(["sh", "-c", f"echo --token={SECRET}; printf 'no line end'"], stdout=descriptor, check=True)
    assert log.read_text() == f"before\n--token={HIDDEN}\nno line end"


def test_a_program_that_lives_on_keeps_nobody_waiting(tmp_path):
    started = time.monotonic()
    with redacting(tmp_path / "log") as descriptor:
        lasting = subprocess.Popen(["sh", "-c", "read line; echo later"], stdin=subprocess.PIPE, stdout=descriptor)
    assert time.monotonic() - started < 5
    lasting.communicate(b"\n")
    while (tmp_path / "log").read_text() != "later\n":
        assert time.monotonic() - started < 30
        time.sleep(0.01)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_log_without_room_ends_nothing():
    with redacting(Path("/dev/full")) as descriptor:
        subprocess.run(["sh", "-c", "for i in 1 2 3; do echo $i; done"], stdout=descriptor, check=True)


def test_long_text_without_a_break_takes_no_time():
    started = time.monotonic()
    redact("a_key" * 200_000 + "://" + "x" * 1_000_000 + os.sep)
    assert time.monotonic() - started < 5
