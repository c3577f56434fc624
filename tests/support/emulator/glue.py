"""Probes of Glue."""

from __future__ import annotations

import socket

from local_cloud import aws
from tests.support.emulator.common import as_role, fresh, refuses, role, until

CONNECTED = {"JDBC_CONNECTION_URL": "jdbc:postgresql://localhost/store", "SECRET_ID": "x"}


def glue_job_keeps_its_concurrency(cloud: aws.Cloud) -> bool:
    glue, name = cloud.client("glue"), fresh("job")
    command = {"Name": "glueetl", "ScriptLocation": "s3://nowhere/etl.py"}
    glue.create_job(Name=name, Role=role(cloud), Command=command, ExecutionProperty={"MaxConcurrentRuns": 3})
    return bool(glue.get_job(JobName=name)["Job"].get("ExecutionProperty") == {"MaxConcurrentRuns": 3})


def glue_job_loses_what_an_update_leaves_out(cloud: aws.Cloud) -> bool:
    glue, name = cloud.client("glue"), fresh("job")
    job = {"Role": role(cloud), "Command": {"Name": "glueetl", "ScriptLocation": "s3://nowhere/etl.py"}}
    glue.create_job(Name=name, MaxRetries=1, JobRunQueuingEnabled=True, **job)
    glue.update_job(JobName=name, JobUpdate=job)
    updated = glue.get_job(JobName=name)["Job"]
    return not updated["MaxRetries"] and not updated.get("JobRunQueuingEnabled")


def glue_crawler_has_a_recrawl_policy(cloud: aws.Cloud) -> bool:
    glue, name = cloud.client("glue"), fresh("crawler")
    glue.create_crawler(Name=name, Role=role(cloud), Targets={}, DatabaseName="nowhere")
    crawler = glue.get_crawler(Name=name)["Crawler"]
    return bool(crawler.get("RecrawlPolicy") and crawler.get("LineageConfiguration"))


def glue_connection_can_be_changed(cloud: aws.Cloud) -> bool:
    glue, name = cloud.client("glue"), fresh("connection")
    definition = {"Name": name, "ConnectionType": "JDBC", "ConnectionProperties": CONNECTED}
    glue.create_connection(ConnectionInput=definition)
    changed = {**definition, "Description": "changed"}
    return not refuses(lambda: glue.update_connection(Name=name, ConnectionInput=changed))


def glue_right_on_one_connection_counts(cloud: aws.Cloud) -> bool:
    glue, name = cloud.client("glue"), fresh("connection")
    definition = {"Name": name, "ConnectionType": "JDBC", "ConnectionProperties": CONNECTED}
    glue.create_connection(ConnectionInput=definition)
    resource = f"arn:aws:glue:{aws.REGION}:{aws.ACCOUNT}:connection/{name}"
    reader = role(cloud, {"Effect": "Allow", "Action": "glue:GetConnection", "Resource": resource})
    return not refuses(lambda: as_role(cloud, reader, "glue").get_connection(Name=name))


def glue_right_on_one_database_counts(cloud: aws.Cloud) -> bool:
    glue, name = cloud.client("glue"), fresh("database")
    glue.create_database(DatabaseInput={"Name": name})
    resource = f"arn:aws:glue:{aws.REGION}:{aws.ACCOUNT}:database/{name}"
    reader = role(cloud, {"Effect": "Allow", "Action": "glue:GetDatabase", "Resource": resource})
    return not refuses(lambda: as_role(cloud, reader, "glue").get_database(Name=name))


def glue_right_on_one_workflow_counts(cloud: aws.Cloud) -> bool:
    glue, name = cloud.client("glue"), fresh("workflow")
    glue.create_workflow(Name=name)
    resource = f"arn:aws:glue:{aws.REGION}:{aws.ACCOUNT}:workflow/{name}"
    starter = role(cloud, {"Effect": "Allow", "Action": "glue:StartWorkflowRun", "Resource": resource})
    return not refuses(lambda: as_role(cloud, starter, "glue").start_workflow_run(Name=name))


def glue_schedule_has_no_predicate(cloud: aws.Cloud) -> bool:
    glue, name = cloud.client("glue"), fresh("trigger")
    glue.create_trigger(Name=name, Type="SCHEDULED", Schedule="cron(1 0 1 * ? *)", Actions=[{"JobName": "x"}])
    return "Predicate" not in glue.get_trigger(Name=name)["Trigger"]


def glue_job_without_a_script_fails(cloud: aws.Cloud) -> bool:
    glue, name = cloud.client("glue"), fresh("job")
    command = {"Name": "glueetl", "ScriptLocation": "s3://nowhere/etl.py"}
    glue.create_job(Name=name, Role=role(cloud), Command=command)
    run = glue.start_job_run(JobName=name)["JobRunId"]
    return until(lambda: glue.get_job_run(JobName=name, RunId=run)["JobRun"]["JobRunState"] == "FAILED")


def glue_job_is_tried_as_often_as_it_is_told_to(cloud: aws.Cloud) -> bool:
    glue, name = cloud.client("glue"), fresh("job")
    command = {"Name": "glueetl", "ScriptLocation": "s3://nowhere/etl.py"}
    glue.create_job(Name=name, Role=role(cloud), Command=command, MaxRetries=1)
    glue.start_job_run(JobName=name)
    return until(lambda: len(glue.get_job_runs(JobName=name)["JobRuns"]) == 2, 8)


def glue_runs_come_newest_first(cloud: aws.Cloud) -> bool:
    glue, name = cloud.client("glue"), fresh("job")
    command = {"Name": "glueetl", "ScriptLocation": "s3://nowhere/etl.py"}
    glue.create_job(Name=name, Role=role(cloud), Command=command, ExecutionProperty={"MaxConcurrentRuns": 2})
    started = [glue.start_job_run(JobName=name)["JobRunId"] for _ in range(2)]
    pages = glue.get_paginator("get_job_runs").paginate(JobName=name, PaginationConfig={"PageSize": 1})
    return [[run["Id"] for run in page["JobRuns"]] for page in pages] == [[started[1]], [started[0]]]


def glue_run_can_be_stopped(cloud: aws.Cloud) -> bool:
    glue, s3, name = cloud.client("glue"), cloud.client("s3"), fresh("job")
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": aws.REGION})
    s3.put_object(Bucket=name, Key="etl.py", Body=b"import time\ntime.sleep(600)\n")
    everything = {"Effect": "Allow", "Action": ["s3:*", "logs:*"], "Resource": "*"}
    command = {"Name": "glueetl", "ScriptLocation": f"s3://{name}/etl.py"}
    glue.create_job(Name=name, Role=role(cloud, everything), Command=command)
    run = glue.start_job_run(JobName=name)["JobRunId"]

    def stopped() -> bool:
        glue.batch_stop_job_run(JobName=name, JobRunIds=[run])
        return bool(glue.get_job_run(JobName=name, RunId=run)["JobRun"]["JobRunState"] == "STOPPED")

    return until(stopped, 8)


def glue_workflow_starts_its_first_crawler(cloud: aws.Cloud) -> bool:
    glue, name = cloud.client("glue"), fresh("workflow")
    glue.create_crawler(Name=name, Role=role(cloud), Targets={}, DatabaseName="nowhere")
    glue.create_workflow(Name=name)
    actions = [{"CrawlerName": name}]
    glue.create_trigger(
        Name=name,
        WorkflowName=name,
        Type="SCHEDULED",
        Schedule="cron(1 0 1 * ? *)",
        Actions=actions,
        StartOnCreation=True,
    )
    glue.start_workflow_run(Name=name)
    return until(lambda: bool(glue.get_crawler(Name=name)["Crawler"].get("LastCrawl", {}).get("Status")))


def glue_workflow_goes_on_after_a_crawl_that_was_stopped(cloud: aws.Cloud) -> bool:
    glue, secrets_manager, name = cloud.client("glue"), cloud.client("secretsmanager"), fresh("workflow")
    everything = {"Effect": "Allow", "Action": ["glue:*", "secretsmanager:*"], "Resource": "*"}
    secrets_manager.create_secret(Name=name, SecretString='{"username": "x", "password": "x"}')
    with socket.create_server(("127.0.0.1", 0)) as silent:  # accepts connections and never answers
        address = f"jdbc:postgresql://127.0.0.1:{silent.getsockname()[1]}/store"
        properties = {"JDBC_CONNECTION_URL": address, "SECRET_ID": name}
        definition = {"Name": name, "ConnectionType": "JDBC", "ConnectionProperties": properties}
        glue.create_connection(ConnectionInput=definition)
        targets = {"JdbcTargets": [{"ConnectionName": name, "Path": "store/public/x"}]}
        glue.create_crawler(Name=name, Role=role(cloud, everything), Targets=targets, DatabaseName="x")
        command = {"Name": "glueetl", "ScriptLocation": "s3://nowhere/etl.py"}
        glue.create_job(Name=name, Role=role(cloud), Command=command)
        glue.create_workflow(Name=name)
        glue.create_trigger(
            Name=f"{name}-start", WorkflowName=name, Type="ON_DEMAND", Actions=[{"CrawlerName": name}]
        )
        ends = ("CANCELLED", "FAILED", "SUCCEEDED")
        condition = {"CrawlerName": name, "LogicalOperator": "EQUALS"}
        glue.create_trigger(
            Name=f"{name}-crawled",
            WorkflowName=name,
            Type="CONDITIONAL",
            Predicate={"Logical": "ANY", "Conditions": [{**condition, "CrawlState": end} for end in ends]},
            Actions=[{"JobName": name}],
            StartOnCreation=True,
        )
        glue.start_workflow_run(Name=name)
        silent.settimeout(10)
        try:
            silent.accept()
        except TimeoutError:
            return False
        glue.stop_crawler(Name=name)
        return until(lambda: len(glue.get_job_runs(JobName=name)["JobRuns"]) == 1) and bool(
            glue.get_crawler(Name=name)["Crawler"]["LastCrawl"]["Status"] == "CANCELLED"
        )


PROBES = (
    glue_job_keeps_its_concurrency,
    glue_job_loses_what_an_update_leaves_out,
    glue_crawler_has_a_recrawl_policy,
    glue_connection_can_be_changed,
    glue_right_on_one_connection_counts,
    glue_right_on_one_database_counts,
    glue_right_on_one_workflow_counts,
    glue_schedule_has_no_predicate,
    glue_job_without_a_script_fails,
    glue_job_is_tried_as_often_as_it_is_told_to,
    glue_runs_come_newest_first,
    glue_run_can_be_stopped,
    glue_workflow_starts_its_first_crawler,
    glue_workflow_goes_on_after_a_crawl_that_was_stopped,
)
