"""A job on AWS logs in with a connection and a secret, and publishes to a bucket."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

import rolling_extract
import rolling_jdbc
from local_cloud.aws import REGION
from rolling_database import Database
from rolling_extract import File, Pgp
from tests.support.bank import NOW, Engine, Store
from tests.support.engine.account import BUCKET, LOG_IN, WRITE, Account
from tests.support.pgp import Gpg, gpg

__all__ = ["gpg"]


def test_job_publishes_with_the_permissions_that_the_module_grants(
    account: Account, store: Store, engine: Engine
) -> None:
    branch = store.branch()
    store.loan(branch, "2026-10-01", 5)
    engine(*account.arguments)
    published = account.objects()
    assert sorted(published) == [
        "_manifests/2026-10.claim",
        "_manifests/2026-10.json",
        "bank_name=Alpha/year=2026/month=10/Alpha_20261031.csv",
    ]
    manifest = json.loads(published["_manifests/2026-10.json"])
    assert manifest["run_id"] == "jr_1"
    [file] = manifest["files"]
    assert file["key"] == f"loans/{account.name}/bank_name=Alpha/year=2026/month=10/Alpha_20261031.csv"
    assert engine(*account.arguments).message.startswith("nothing to write: 2026-10 is already published")


def test_run_writes_the_same_bytes_to_a_folder_and_a_bucket(
    account: Account, store: Store, engine: Engine
) -> None:
    store.loan(store.branch('Łódź, "Piotrkowska"'), "2026-10-01", 5)
    delivered = engine("2026-10")
    engine(*account.arguments)
    assert [path.rpartition("/")[2] for path in delivered.paths] == ["Alpha_20261031.csv"]
    for path in delivered.paths:
        assert account.objects()[path] == (delivered.folder / path).read_bytes()


def test_job_encrypts_files_with_the_keys_that_terraform_uploaded(
    account: Account, store: Store, engine: Engine, gpg: Gpg
) -> None:
    store.loan(store.branch(bank="Łódź Bank"), "2026-10-01", 5)
    keys = json.dumps({"Łódź Bank": {"laptop": gpg.public(gpg.key("laptop"))}}, ensure_ascii=False).encode()
    key = f"loans/{account.name}-keys.json"
    s3 = account.cloud.client("s3")
    s3.put_object(Bucket=BUCKET, Key=key, Body=keys)
    arguments = [
        *account.arguments,
        *("--fixed-arguments", "output,pgp-keys,pgp-keys-sha256"),
        *("--pgp-keys", f"s3://{BUCKET}/{key}", "--pgp-keys-sha256", hashlib.sha256(keys).hexdigest()),
    ]
    file = File(encryption=Pgp(), markers=("sha256",))
    engine(*arguments, file=file)
    published = account.objects()
    place = "bank_name=ŁódźBank/year=2026/month=10/ŁódźBank_20261031.csv.pgp"
    assert gpg.decrypted(published[place]).startswith(b"bank_name,branch_id")
    assert published[f"{place}.sha256"].startswith(hashlib.sha256(published[place]).hexdigest().encode())
    head = s3.head_object(Bucket=BUCKET, Key=f"loans/{account.name}/{place}")
    assert head["ContentType"] == "application/octet-stream"
    assert engine(*arguments, file=file).message.startswith("nothing to write")
    assert account.objects() == published
    s3.put_object(Bucket=BUCKET, Key=key, Body=keys.replace(b"laptop", b"forged"))
    assert f"s3://{BUCKET}/{key} was changed after Terraform wrote it" in engine.refusal(
        *arguments, file=file
    )


def test_password_is_neither_in_the_log_nor_in_the_error_message(
    account: Account, store: Store, engine: Engine
) -> None:
    account.secret(json.dumps({"username": "nobody-here", "password": "swordfish"}))
    sentence = engine.refusal(*account.arguments)
    assert sentence.startswith("2026-10: database")
    assert f"check the secret {account.name}" in sentence
    assert "swordfish" not in sentence + json.dumps(engine.log)


def test_secret_is_read_again_if_it_rotates_after_the_first_read(
    account: Account, store: Store, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.branch()
    account.secret(json.dumps({"username": account.server.user, "password": "the old one"}))
    connect = rolling_jdbc.connect

    def rotate_meanwhile(database: Database, application: str, limit: int) -> Any:
        account.secret(json.dumps({"username": account.server.user, "password": account.server.password}))
        return connect(database, application, limit)

    monkeypatch.setattr(rolling_jdbc, "connect", rotate_meanwhile)
    delivered = engine(*account.arguments)
    assert "login_retried" in [line["event"] for line in delivered.log]
    assert delivered.message.startswith("2026-10: published")


def test_error_says_what_to_grant_if_a_restatement_has_no_delete_permission(
    account: Account, store: Store, engine: Engine
) -> None:
    branch = store.branch()
    engine(*account.arguments)
    before = account.objects()
    store.loan(branch, "2026-10-01", 5)
    kept = [{**s, "Action": [a for a in s["Action"] if a != "s3:DeleteObject"]} for s in WRITE]
    account.act_as([*LOG_IN, *kept])
    sentence = engine.refusal(*account.arguments, "--restate", "--reason", "late booking")
    assert f"permission denied for s3://{BUCKET}/loans/{account.name}/_manifests/2026-10.json" in sentence
    assert "grant s3:DeleteObject to the job's role" in sentence
    claim = "_manifests/2026-10.claim"
    assert {k: v for k, v in account.objects().items() if k != claim} == {
        k: v for k, v in before.items() if k != claim
    }


def test_error_names_a_missing_glue_connection(account: Account, engine: Engine) -> None:
    arguments = ["nowhere" if given == account.name else given for given in account.arguments]
    assert engine.refusal(*arguments) == (
        '2026-10: Glue connection "nowhere" does not exist. Nothing was published.'
    )


def test_error_says_what_to_set_if_the_connection_has_no_secret(account: Account, engine: Engine) -> None:
    account.connection({"USERNAME": "reader", "PASSWORD": "swordfish"})
    assert "has no secret; set its SECRET_ID" in engine.refusal(*account.arguments)


def test_error_names_a_missing_secret(account: Account, engine: Engine) -> None:
    account.connection({"SECRET_ID": "no-such-secret"})
    assert engine.refusal(*account.arguments).startswith("2026-10: secret no-such-secret does not exist")


def test_error_for_a_secret_without_a_login_does_not_contain_the_secret(
    account: Account, engine: Engine
) -> None:
    account.secret("swordfish")
    sentence = engine.refusal(*account.arguments)
    assert "is not a JSON object with username and password" in sentence
    assert "swordfish" not in sentence + json.dumps(engine.log)


def test_error_says_what_to_grant_if_the_role_cannot_read_the_secret(
    account: Account, engine: Engine
) -> None:
    account.act_as([{"Action": "glue:GetConnection", "Resource": "*"}, *WRITE])
    assert "grant secretsmanager:GetSecretValue to the job's role" in engine.refusal(*account.arguments)


@pytest.mark.parametrize("right", ["s3:PutObject", "s3:ListBucketVersions"])
def test_error_says_what_to_grant_if_the_role_cannot_write(
    account: Account, store: Store, engine: Engine, right: str
) -> None:
    store.branch()
    kept = [{**s, "Action": [a for a in s["Action"] if a != right]} for s in WRITE]
    account.act_as([*LOG_IN, *(s for s in kept if s["Action"])])
    sentence = engine.refusal(*account.arguments)
    assert f"permission denied for s3://{BUCKET}/loans/{account.name}/" in sentence
    assert f"grant {right}" in sentence


def test_missing_bucket_is_reported(account: Account, store: Store, engine: Engine) -> None:
    store.branch()
    account.act_as([{"Action": "*", "Resource": "*"}])
    arguments = [given.replace(BUCKET, "no-such-bucket") for given in account.arguments]
    sentence = engine.refusal(*arguments)
    assert "the bucket of s3://no-such-bucket/loans/" in sentence


def test_missing_credentials_are_reported_in_one_sentence(
    spark: None, engine: Engine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import boto3

    for variable in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_REGION", REGION)
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    boto3.DEFAULT_SESSION = None
    with pytest.raises(SystemExit) as end:
        rolling_extract.run(engine.spec, ["--connection", "c", "--output", "s3://b/p"], now=NOW)
    assert str(end.value.code).startswith(
        '2026-10: cannot get Glue connection "c" from AWS: Unable to locate'
    )
