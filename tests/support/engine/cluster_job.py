"""Run extracts in Spark: `python -m ... JOB`. The executors of Spark run in their own processes.

JOB is a pickled list of pairs. Each pair is an extract and its arguments. The program writes the number of
executors to the file JOB.executors. This number does not include the driver. The program does not print the
number, because Java may write to standard output at any time until the program ends.
"""

from __future__ import annotations

import pickle
import sys
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import rolling_extract

DECIMAL = "decimal(20,2)"


def without_sign(rows: Any) -> Any:
    """Replace each amount by its absolute value. A Python function in the executors computes this value."""
    from pyspark.sql import functions as F
    from pyspark.sql.types import DecimalType

    def amount(value: Decimal | None) -> Decimal | None:
        # The code of a project may import modules of the engine. The import must also work in an executor.
        import rolling_values

        return None if value is None else Decimal(rolling_values.rounded(abs(int(value * 100)), 100, 2))

    return rows.withColumn("Amount", F.udf(amount, DecimalType(20, 2))("Amount"))


def raising(rows: Any) -> Any:
    """Add a Python function that fails in an executor. Its error message contains the amount."""
    from pyspark.sql import functions as F

    def fail(value: Decimal) -> Decimal:
        raise ValueError(f"cannot use {value}")

    return rows.withColumn("Amount", F.udf(fail, DECIMAL)("Amount"))


def miscast(rows: Any) -> Any:
    """Add a cast that fails in an executor. The error message of Spark contains the amount."""
    from pyspark.sql import functions as F

    return rows.withColumn("Amount", F.expr(f"CAST(concat('EUR ', CAST(Amount AS string)) AS {DECIMAL})"))


def main(job: str) -> None:
    for extract, arguments in pickle.loads(Path(job).read_bytes()):
        try:
            rolling_extract.run(extract, arguments, now=datetime(2026, 11, 23, 12, 0, tzinfo=UTC))
        except SystemExit as end:
            print(end.code)
    from pyspark import SparkContext

    context = SparkContext._active_spark_context
    assert context is not None
    assert context._jsc is not None
    executors = context._jsc.sc().getExecutorMemoryStatus().size() - 1
    Path(f"{job}.executors").write_text(str(executors))


if __name__ == "__main__":
    main(sys.argv[1])
