"""An invalid spec is refused before the run connects to AWS or to the database."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

import rolling_spec
from rolling_errors import ExtractError
from rolling_extract import Join, __version__
from tests.support.bank import LOANS

SPARK = {"aggregate_in": "spark"}


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"aggregate": "mean"}, 'aggregate="mean" is not one of avg, sum, count, min, max'),
        ({"aggregate": "p100"}, 'aggregate="p100" is not one of'),
        ({"aggregate": "median"}, 'aggregate="median" needs the rows themselves; add aggregate_in="spark"'),
        ({"aggregate": "p90"}, 'aggregate="p90" needs the rows themselves; add aggregate_in="spark"'),
        ({"transform": lambda rows: rows}, "transform needs the rows themselves"),
        ({"partition_by": "idLoan"}, 'partition_by="idLoan" needs the rows themselves'),
        ({"aggregate_in": "excel"}, 'aggregate_in="excel" is unknown; it takes "database" or "spark"'),
        ({**SPARK, "partitions": 0}, "partitions=0 is not a whole number from 1 to 1000"),
        ({**SPARK, "partition_by": "Account.idAccount"}, '"Account.idAccount" is not a column of the entity'),
        ({**SPARK, "transform": "twice"}, "transform='twice' is not a function"),
        ({**SPARK, "transform_columns": ("fee",)}, "transform_columns are given, but no transform"),
        (
            {**SPARK, "transform": lambda rows: rows, "transform_columns": "fee"},
            'transform_columns="fee" is one text; write ("fee",)',
        ),
        ({"window_months": 0}, "window_months=0 is not a whole number from 1"),
        ({"window_months": True}, "window_months=True is not a whole number"),
        ({"scale": -1}, "scale=-1 is not a whole number from 0 to 18"),
        ({"max_orphan_rows": -1}, "max_orphan_rows=-1"),
        ({"late_data_months": 25}, "late_data_months=25 is not a whole number from 0 to 24"),
        ({"swing_factor": 1}, "swing_factor=1 is not a number above 1"),
        ({"swing_factor": "2"}, "swing_factor='2' is not a number above 1"),
        ({"time_zone": "CEST?"}, 'no time zone "CEST?"'),
        ({"group": {}}, "group is empty"),
        ({"recipient": {"a": "Bank.Name", "b": "Bank.Name"}}, "recipient names 2 columns"),
        ({"recipient": {"bank name": "Bank.Name"}}, '"bank name" cannot head a column'),
        (
            {"group": {"x" * 5_000: "Branch.id"}},
            f'"{"x" * 40}..." cannot head a column: it has 5000 characters, and 63 are the most',
        ),
        ({"group": {"bank_name": "Branch.idBranch"}}, "two columns of the file would be called bank_name"),
        ({"group": {"period": "Branch.idBranch"}}, "two columns of the file would be called period"),
        ({"group": {"loans_count": "Branch.idBranch"}}, "would be called loans_count"),
        ({"group": {"x": "Worker.idWorker"}}, '"x" is "Worker.idWorker", but no join leads to "Worker"'),
        ({"metric": "Worker.Pay"}, '"metric" is "Worker.Pay", but no join leads to "Worker"'),
        ({"date_column": "Worker.day"}, '"date_column" is "Worker.day", but no join leads to "Worker"'),
        ({"joins": (*LOANS.joins, LOANS.joins[0])}, 'joins reach "Account" twice'),
        (
            {"joins": (Join("Account", "Client.x", "idAccount"),)},
            'starts at "Client.x", which is no column of',
        ),
        ({"joins": (Join("Loans", "Loans.x", "idLoan"),)}, 'joins reach "Loans" twice'),
        (
            {"joins": (*LOANS.joins, Join("Bank", "Branch.x", "idBank", alias="Client"))},
            'joins reach "Client" twice; give this hop an alias',
        ),
        ({"joins": (Join("Account", ("Loans.a", "Loans.b"), "id"),)}, "compares 2 columns with 1"),
        ({"joins": (Join("Account", (), ()),)}, "compares 0 columns with 0"),
        (
            {"joins": (*LOANS.joins, Join("Land", ("Bank.a", "Branch.b"), ("a", "b")))},
            'the hop to "Land" starts at two tables',
        ),
        ({"unassigned": "?!"}, 'unassigned="?!" has no letter or digit'),
        ({"where": " "}, 'where=" " is empty'),
        ({"where": "a > 1; DROP TABLE x"}, "has a semicolon"),
        ({"where": "a > 1 -- and so on"}, "has a comment in it"),
        ({"where": "a > 1 /* and so on */"}, "has a comment in it"),
        ({"where": "true) UNION SELECT (true"}, "closes a parenthesis that it did not open"),
        ({"where": "(a > 1"}, "has a parenthesis that is not closed"),
        ({"where": "a = 'x"}, "has a quote that is not closed"),
        ({"where": 'a = "x'}, "has a quote that is not closed"),
        ({"where": r"a = E'\') OR (\''"}, "has a text of the form E'"),
        ({"where": "a = $$x$$"}, "has a '$' outside of quotes"),
        ({"where": "tags ? 'x'"}, "uses an operator with ?"),
        ({"where": "day < now()"}, "depends on now"),
        ({"where": "day < CURRENT_DATE"}, "depends on current_date"),
    ],
)
def test_invalid_spec_is_refused_in_one_sentence(changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ExtractError) as refusal:
        rolling_spec.check(replace(LOANS, **changes))
    assert sentence in str(refusal.value)


def test_columns_are_named_after_entity_metric_and_aggregate() -> None:
    assert LOANS.columns == (
        *("bank_name", "branch_id", "branch_address", "period", "window_start", "window_end"),
        *("loans_count", "amount_sum", "amount_avg"),
    )


def test_column_name_may_contain_a_dot() -> None:
    assert LOANS.split("Branch.odd.name") == ("Branch", "odd.name")
    assert LOANS.split("odd.name") == ("Loans", "odd.name")


def test_engine_can_be_imported_without_spark_and_boto3() -> None:
    """A spec can be checked where neither of them is installed."""
    import subprocess
    import sys

    script = (
        "import sys; sys.modules.update(pyspark=None, boto3=None);"
        "import rolling_extract; print(rolling_extract.__version__)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={"PYTHONPATH": str(rolling_spec.__file__).rpartition("/")[0]},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == __version__
