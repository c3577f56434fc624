"""Turn off the logs of Spark, so that no log contains values of rows.

The errors of Spark's tasks contain values of rows, and every process of Spark would log these errors. Glue
allows no log4j file of the engine, so the levels are set while the processes run.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pyspark import SparkContext
    from pyspark.sql import SparkSession

_LOG4J = "org.apache.logging.log4j"
# The configuration may set the level of each logger separately, so it is not enough to turn off the root
# logger.
_LOGGERS = (
    *("", "com", "com.amazonaws", "com.amazonaws.services.glue", "org", "org.apache"),
    *("org.apache.spark", "org.apache.spark.api.python", "org.apache.spark.executor"),
    *("org.apache.spark.executor.Executor", "org.apache.spark.scheduler", "org.apache.spark.sql"),
    *("org.apache.spark.storage", "org.apache.spark.util"),
)
# Loggers of PySpark, which write to stderr.
_OF_PYTHON = ("DataFrameQueryContextLogger", "SQLQueryContextLogger")

# For each application, the executors whose logs are off.
_quiet: dict[str, str] = {}


def quiet_driver(context: SparkContext) -> None:
    """Turn off all logs of the driver."""
    context.setLogLevel("OFF")
    jvm = context._jvm
    assert jvm is not None
    log4j = jvm.org.apache.logging.log4j
    log4j.core.config.Configurator.setAllLevels("", log4j.Level.OFF)
    try:
        from pyspark.logger import PySparkLogger
    except ImportError:
        return  # since Spark 4
    for name in _OF_PYTHON:
        PySparkLogger.getLogger(name).disabled = True


def quiet_bridge() -> None:
    """Turn off the messages of Py4J before the process of Spark ends.

    While the process ends, a thread of PySpark may use Java, for example to delete an object. Then Py4J would
    write a traceback after the last message of the run. It logs some errors in its own logger, and some in
    the root logger.
    """
    for name in ("py4j.java_gateway", "py4j.clientserver"):
        logging.getLogger(name).disabled = True
    logging.getLogger().addFilter(lambda record: "py4j" not in record.pathname)


def quiet_executors(spark: SparkSession) -> None:
    """Turn off all logs of the executors before they read rows. For new executors, run a short Spark job.

    The job has more tasks than there are cores, so each idle executor gets a task. An executor that starts
    later writes logs until the next call of this function.
    """
    java = spark.sparkContext._jsc
    assert java is not None
    context = java.sc()
    if context.isLocal():
        return  # in local mode, the driver is the only executor
    application = context.applicationId()
    while (executors := _executors(context)) != _quiet.get(application):
        tasks = 4 * spark.sparkContext.defaultParallelism
        turned = (
            f"java_method('{_LOG4J}.core.config.Configurator', 'setLevel', '{name}', 'OFF')"
            for name in _LOGGERS
        )
        spark.range(0, tasks, 1, tasks).selectExpr(*turned).collect()
        _quiet[application] = executors


def _executors(context: Any) -> str:
    """Return the addresses of the driver and its executors."""
    return str(context.getExecutorMemoryStatus().keys().mkString(","))
