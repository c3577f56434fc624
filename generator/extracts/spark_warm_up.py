"""Use Spark as a run does, so that Java loads Spark's classes. `extracts.spark_classes` runs this program.

Spark includes the database Derby, which this program reads.
"""

from __future__ import annotations

from typing import Any

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

ROWS = "(VALUES (1, 10, 'a'), (2, 20, 'b')) relation (c0, c1, c2)"
SOURCE = "jdbc:derby:memory:classes;create=true"


def main() -> None:
    """Read two relations, join and aggregate them. Then end Java."""
    spark: Any = SparkSession.builder.getOrCreate()
    spark.conf.set("spark.sql.ansi.enabled", "true")
    given = {"driver": "org.apache.derby.jdbc.EmbeddedDriver", "fetchsize": "10"}
    for name in ("t0", "t1"):
        frame = spark.read.jdbc(SOURCE, ROWS, predicates=["C0 < 2", "C0 >= 2"], properties=given)
        frame = frame.select(F.col("C0").alias("c0"), F.col("C1").cast("DECIMAL(38, 2)").alias("c1"), "C2")
        frame.createOrReplaceTempView(name)
    for joined in ("t1", "u1"):
        frame = spark.sql(f"""
            WITH figures AS (SELECT t0.c0 AS k, count(*) AS n, sum(t0.c1) AS s FROM t0
              LEFT JOIN {joined} ON {joined}.c0 = t0.c0 GROUP BY 1)
            SELECT coalesce(m.c2, 'x') AS c2, CASE WHEN n IS NULL THEN 0 ELSE 1 END AS g,
              CAST(s AS string) AS s
            FROM t1 m FULL JOIN figures f ON f.k = m.c0 ORDER BY c2 NULLS FIRST, g""")
        lines = frame.selectExpr("concat_ws('\\t', c2, replace(s, '.', ','), CAST(g AS string))")
        assert len(list(lines.toLocalIterator())) == 2
        F.broadcast(spark.table("t1")).createOrReplaceTempView("u1")
    spark.stop()
    java = spark.sparkContext._gateway.proc
    java.stdin.close()  # end Java, which writes the archive when it ends
    java.wait()


if __name__ == "__main__":
    main()
