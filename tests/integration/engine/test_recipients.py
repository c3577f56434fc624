"""Recipients without a usable or unique name are refused."""

from __future__ import annotations

from tests.support.bank import Engine, Store


def test_two_banks_that_would_share_a_file_name_are_both_named(store: Store, engine: Engine) -> None:
    store.bank("First Bank")
    store.bank("First-Bank!")
    assert (
        'the recipients "First Bank" and "First-Bank!" would share the file name FirstBank'
        in engine.refusal("2026-10")
    )


def test_two_banks_of_one_name_do_not_get_each_others_figures(store: Store, engine: Engine) -> None:
    store.bank("Alpha")
    store.bank("Alpha")
    assert f'several rows of {store.schema}."Bank" are called "Alpha"' in engine.refusal("2026-10")


def test_a_bank_whose_name_would_be_empty_is_refused(store: Store, engine: Engine) -> None:
    store.bank("!?")
    assert 'the recipient "!?" has no letter or digit' in engine.refusal("2026-10")


def test_a_store_without_any_recipient_is_hardly_the_right_one(store: Store, engine: Engine) -> None:
    assert engine.refusal("2026-10") == (
        f'2026-10: {store.schema}."Bank" names no recipient; is this the right database?'
        " Nothing was published."
    )


def test_a_name_cannot_forge_a_line_of_a_mail_or_a_log(store: Store, engine: Engine) -> None:
    store.bank("Alpha\r\nSubject: all is well\u2028")
    store.bank("AlphaSubject all is well")
    sentence = engine.refusal("2026-10")
    assert '"Alpha Subject: all is well"' in sentence
    assert len(sentence.splitlines()) == 1


def test_a_recipient_that_is_renamed_has_its_old_file_removed_and_listed(
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
    assert told == "2026-10: Before_20261031.csv of an earlier revision removed"
