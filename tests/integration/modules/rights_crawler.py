"""Calls after the login of a crawler that has a custom driver and uses an encrypted Data Catalog."""

from __future__ import annotations

import time
from contextlib import suppress

from local_cloud import aws
from tests.integration.modules.rights import (
    ARTIFACTS,
    CATALOG_KEY,
    GLUE,
    OF_CATALOG,
    VIA_S3,
    Ask,
    Call,
    Role,
    Step,
    delete_object,
    read_object,
    role_name,
    write_object,
)


def catalog_key_steps() -> tuple[Step, ...]:
    """Return the steps that a crawler also needs if a customer managed key encrypts the Data Catalog."""
    grant = {**OF_CATALOG, "kms:CallerAccount": aws.ACCOUNT, "kms:GrantIsForAWSResource": "true"}
    return (
        *(
            Step(
                f"{action} an entry of the catalog",
                ("UseCatalogKey", f"kms:{action}"),
                ((f"kms:{action}", CATALOG_KEY, OF_CATALOG),),
            )
            for action in ("Decrypt", "Encrypt", "GenerateDataKey")
        ),
        Step(
            "look at the catalog's key",
            ("DescribeCatalogKey", "kms:DescribeKey"),
            (("kms:DescribeKey", CATALOG_KEY, {}),),
        ),
        Step(
            "let the catalog's index use the key",
            ("GrantCatalogKey", "kms:CreateGrant"),
            (("kms:CreateGrant", CATALOG_KEY, grant),),
        ),
    )


def driver_steps(facts: dict[str, str]) -> tuple[Step, ...]:
    """Return the steps that a crawler also needs if it has a custom driver.

    For such a crawler, Glue runs a job. The files of this job have their own prefixes.
    """
    own_role = f"arn:aws:iam::{aws.ACCOUNT}:role/{role_name('rights', 'crawler')}"
    folders = [
        f"artifacts/rights/{folder}"
        for folder in (
            *("_crawler", "_glue_job_crawler"),
            *("crawler/driver/_crawler", "crawler/driver/_glue_job_crawler"),
        )
    ]

    def exchange(action: str, call: Call) -> Step:
        asks: tuple[Ask, ...] = tuple(
            (f"s3:{action}", f"arn:aws:s3:::{ARTIFACTS}/{folder}/x", {}) for folder in folders
        )
        return Step(f"{action} in the driver's folders", ("ExchangeFiles", f"s3:{action}"), asks, call)

    return (
        *(
            Step(
                f"{action} of the driver's job",
                ("RunDriver", f"glue:{action}"),
                ((f"glue:{action}", f"{GLUE}:job/any", {}),),
            )
            for action in ("CreateJob", "DeleteJob", "GetJob", "GetJobRun", "StartJobRun")
        ),
        Step(
            "give the job its role",
            ("PassRole", "iam:PassRole"),
            (("iam:PassRole", own_role, {"iam:PassedToService": "glue.amazonaws.com"}),),
        ),
        exchange("PutObject", write_object(ARTIFACTS, f"{folders[0]}/x")),
        exchange("GetObject", read_object(ARTIFACTS, f"{folders[0]}/kept")),
        exchange("DeleteObject", delete_object(ARTIFACTS, f"{folders[0]}/x")),
        Step(
            "encrypt the driver's files",
            ("EncryptFiles", "kms:GenerateDataKey"),
            (("kms:GenerateDataKey", facts["artifacts_key"], VIA_S3),),
        ),
    )


def crawler_steps(facts: dict[str, str]) -> tuple[Step, ...]:
    database, table = f"{GLUE}:database/rights", f"{GLUE}:table/rights/bank_public_loans"

    def asks(action: str, *resources: str) -> tuple[Ask, ...]:
        return tuple((f"glue:{action}", resource, {}) for resource in (f"{GLUE}:catalog", *resources))

    def find_table(role: Role) -> None:
        glue = role.client("glue")
        with suppress(glue.exceptions.EntityNotFoundException):
            glue.get_table(DatabaseName="rights", Name="bank_public_loans")

    def enter_table(role: Role) -> None:
        name = f"bank_public_{time.monotonic_ns()}"
        role.client("glue").create_table(DatabaseName="rights", TableInput={"Name": name})

    def change_table(role: Role) -> None:
        admin = role.cloud.client("glue")
        # If an earlier test ran this step, the table already exists.
        with suppress(admin.exceptions.AlreadyExistsException):
            admin.create_table(DatabaseName="rights", TableInput={"Name": "bank_public_bank"})
        role.client("glue").update_table(DatabaseName="rights", TableInput={"Name": "bank_public_bank"})

    files = [
        f"arn:aws:s3:::{ARTIFACTS}/artifacts/rights/{name}"
        for name in ("database-ca.pem", "crawler/driver/database-driver.jar")
    ]
    return (
        *driver_steps(facts),
        *catalog_key_steps(),
        Step(
            "fetch certificate and driver",
            ("ReadFiles", "s3:GetObject"),
            tuple(("s3:GetObject", file, {}) for file in files),
            read_object(ARTIFACTS, "artifacts/rights/database-ca.pem"),
        ),
        Step(
            "decrypt certificate and driver",
            ("DecryptArtifacts", "kms:Decrypt"),
            (("kms:Decrypt", facts["artifacts_key"], VIA_S3),),
        ),
        Step(
            "find its database",
            ("WriteCatalog", "glue:GetDatabase"),
            asks("GetDatabase", database),
            lambda role: role.client("glue").get_database(Name="rights"),
        ),
        Step(
            "list the tables it knows",
            ("WriteCatalog", "glue:GetTables"),
            asks("GetTables", database, table),
            lambda role: role.client("glue").get_tables(DatabaseName="rights"),
        ),
        Step(
            "find a table",
            ("WriteCatalog", "glue:GetTable"),
            asks("GetTable", database, table),
            find_table,
        ),
        Step(
            "enter a table",
            ("WriteCatalog", "glue:CreateTable"),
            asks("CreateTable", database, table),
            enter_table,
        ),
        Step(
            "change a table",
            ("WriteCatalog", "glue:UpdateTable"),
            asks("UpdateTable", database, table),
            change_table,
        ),
    )
