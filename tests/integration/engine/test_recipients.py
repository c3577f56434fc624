"""Recipients without a usable name or with a repeated name are refused."""

from __future__ import annotations

from tests.support.bank import Engine, Store


def test_error_names_both_banks_with_the_same_file_name(store: Store, engine: Engine) -> None:
    store.bank("First Bank")
    store.bank("First-Bank!")
    assert (
        'the recipients "First Bank" and "First-Bank!" would share the file name FirstBank'
        in engine.refusal("2026-10")
    )


def test_two_banks_with_the_same_name_are_refused(store: Store, engine: Engine) -> None:
    store.bank("Alpha")
    store.bank("Alpha")
    assert f'several rows of {store.schema}."Bank" are called "Alpha"' in engine.refusal("2026-10")


def test_bank_with_an_empty_file_name_is_refused(store: Store, engine: Engine) -> None:
    store.bank("!?")
    assert 'the recipient "!?" has no letter or digit' in engine.refusal("2026-10")


def test_source_without_recipients_is_refused(store: Store, engine: Engine) -> None:
    assert engine.refusal("2026-10") == (
        f'2026-10: {store.schema}."Bank" contains no recipient; is this the right database?'
        " Nothing was published."
    )


def test_name_with_line_breaks_is_logged_on_one_line(store: Store, engine: Engine) -> None:
    store.bank("Alpha\r\nSubject: all is well\u2028")
    store.bank("AlphaSubject all is well")
    sentence = engine.refusal("2026-10")
    assert '"Alpha Subject: all is well"' in sentence
    assert len(sentence.splitlines()) == 1


def test_old_file_of_a_renamed_recipient_is_deleted_and_listed_in_the_manifest(
    store: Store, engine: Engine
) -> None:
    store.branch()
    renamed = store.bank("Before")
    engine("2026-10")
    store.sql('UPDATE "Bank" SET "Name" = %s WHERE "idBank" = %s', "After", renamed)
    delivered = engine("--period", "2026-10", "--restate", "--reason", "merger")
    assert delivered.manifest()["withdrawn"] == ["bank_name=Before/year=2026/month=10/Before_20261031.csv"]
    assert delivered.paths == [
        "bank_name=After/year=2026/month=10/After_20261031.csv",
        "bank_name=Alpha/year=2026/month=10/Alpha_20261031.csv",
    ]
    [told] = [line["message"] for line in delivered.log if line["event"] == "withdrawn"]
    assert told == "2026-10: removed Before_20261031.csv of an earlier revision"


def test_log_reports_the_number_of_groups_without_a_recipient(store: Store, engine: Engine) -> None:
    store.loan(store.branch(), "2026-10-01", 5)
    stray = store.branch()
    store.sql('ALTER TABLE "Branch" ALTER COLUMN "Bank_idBank" DROP NOT NULL')
    store.sql('UPDATE "Branch" SET "Bank_idBank" = NULL WHERE "idBranch" = %s', stray)
    told = {line["event"]: line["message"] for line in engine("2026-10").log}
    assert told["groups_without_recipient"] == "1 group has no recipient, so it has no row in any file"
    assert told["reconciled"] == "2026-10: 1 source row = 1 in files + 0 orphan rows + 0 excluded rows"


def test_swapped_names_of_recipients_are_refused_without_restate(store: Store, engine: Engine) -> None:
    store.branch(bank="Alpha")
    other = store.bank("Beta")
    engine("2026-08")
    store.sql('UPDATE "Bank" SET "Name" = \'x\' WHERE "Name" = \'Alpha\'')
    store.sql('UPDATE "Bank" SET "Name" = \'Alpha\' WHERE "idBank" = %s', other)
    store.sql('UPDATE "Bank" SET "Name" = \'Beta\' WHERE "Name" = \'x\'')
    assert engine.refusal("2026-09") == (
        f'2026-09: "Alpha", "Beta" are different rows of {store.schema}."Bank" than in 2026-08; if'
        " this is intended, publish the period with --restate --reason TEXT. Nothing was published."
    )
    delivered = engine("--period", "2026-09", "--restate", "--reason", "the names were swapped")
    assert delivered.manifest("2026-09")["reason"] == "the names were swapped"
    assert engine("2026-10").manifest()["revision"] == 1


def test_renamed_recipient_is_refused_without_restate(store: Store, engine: Engine) -> None:
    store.branch()
    renamed = store.bank("Before")
    engine("2026-09")
    store.sql('UPDATE "Bank" SET "Name" = %s WHERE "idBank" = %s', "After", renamed)
    assert '"After" was called "Before" in 2026-09; if this is intended' in engine.refusal("2026-10")
    engine("--period", "2026-10", "--restate", "--reason", "merger")


def test_new_recipient_does_not_get_the_folder_of_another_recipient(store: Store, engine: Engine) -> None:
    store.branch()
    old = store.bank("Foo Bank")
    engine("2026-09")
    store.sql('DELETE FROM "Bank" WHERE "idBank" = %s', old)
    store.bank("FooBank")
    assert '"FooBank" has the folder that "Foo Bank" had in 2026-09; if this' in engine.refusal("2026-10")


def test_dry_run_reports_a_renamed_recipient(store: Store, engine: Engine) -> None:
    store.branch()
    renamed = store.bank("Before")
    engine("2026-09")
    store.sql('UPDATE "Bank" SET "Name" = %s WHERE "idBank" = %s', "After", renamed)
    delivered = engine("--period", "2026-10", "--dry-run")
    [told] = [line["message"] for line in delivered.log if line["event"] == "recipient_changed"]
    assert told == '2026-10: "After" was called "Before" in 2026-09'
