"""Probes of the emulator: Glue."""

from __future__ import annotations

import socket

from local_cloud import aws
from tests.support.emulator.common import as_role, fresh, outcome, probe, role, until

ENDED = ("FAILED", "STOPPED", "SUCCEEDED")
CONNECTED = {"JDBC_CONNECTION_URL": "jdbc:postgresql://localhost/store", "SECRET_ID": "x"}


@probe(on_aws={"MaxConcurrentRuns": 3}, published=None)
def glue_job_keeps_its_concurrency(cloud: aws.Cloud) -> object:
    glue, name = cloud.client("glue"), fresh("job")
    command = {"Name": "glueetl", "ScriptLocation": "s3://nowhere/etl.py"}
    glue.create_job(Name=name, Role=role(cloud), Command=command, ExecutionProperty={"MaxConcurrentRuns": 3})
    return glue.get_job(JobName=name)["Job"].get("ExecutionProperty")


@probe(on_aws=(0, None, False), published=(1, None, True))
def update_resets_omitted_settings_of_a_glue_job(cloud: aws.Cloud) -> object:
    glue, name = cloud.client("glue"), fresh("job")
    job = {"Role": role(cloud), "Command": {"Name": "glueetl", "ScriptLocation": "s3://nowhere/etl.py"}}
    fixed = {"NonOverridableArguments": {"--output": "s3://nowhere"}}
    glue.create_job(Name=name, MaxRetries=1, JobRunQueuingEnabled=True, **fixed, **job)
    glue.update_job(JobName=name, JobUpdate=job)
    updated = glue.get_job(JobName=name)["Job"]
    has_arguments = bool(updated.get("NonOverridableArguments"))
    return updated.get("MaxRetries"), updated.get("JobRunQueuingEnabled"), has_arguments


@probe(
    on_aws=({"RecrawlBehavior": "CRAWL_EVERYTHING"}, {"CrawlerLineageSettings": "DISABLE"}),
    published=({}, {}),
)
def glue_crawler_has_a_recrawl_policy(cloud: aws.Cloud) -> object:
    glue, name = cloud.client("glue"), fresh("crawler")
    glue.create_crawler(Name=name, Role=role(cloud), Targets={}, DatabaseName="nowhere")
    crawler = glue.get_crawler(Name=name)["Crawler"]
    return crawler.get("RecrawlPolicy"), crawler.get("LineageConfiguration")


@probe(on_aws="changed", published="InvalidAction")
def glue_connection_can_be_updated(cloud: aws.Cloud) -> object:
    glue, name = cloud.client("glue"), fresh("connection")
    definition = {"Name": name, "ConnectionType": "JDBC", "ConnectionProperties": CONNECTED}
    glue.create_connection(ConnectionInput=definition)
    changed = {**definition, "Description": "changed"}
    glue.update_connection(Name=name, ConnectionInput=changed)
    return glue.get_connection(Name=name)["Connection"].get("Description")


@probe(on_aws="accepted", published="AccessDeniedException")
def permission_for_one_glue_connection_is_enough(cloud: aws.Cloud) -> object:
    glue, name = cloud.client("glue"), fresh("connection")
    definition = {"Name": name, "ConnectionType": "JDBC", "ConnectionProperties": CONNECTED}
    glue.create_connection(ConnectionInput=definition)
    resource = f"arn:aws:glue:{aws.REGION}:{aws.ACCOUNT}:connection/{name}"
    reader = role(cloud, {"Effect": "Allow", "Action": "glue:GetConnection", "Resource": resource})
    return outcome(lambda: as_role(cloud, reader, "glue").get_connection(Name=name))


@probe(on_aws="accepted", published="AccessDeniedException")
def permission_for_one_glue_database_is_enough(cloud: aws.Cloud) -> object:
    glue, name = cloud.client("glue"), fresh("database")
    glue.create_database(DatabaseInput={"Name": name})
    resource = f"arn:aws:glue:{aws.REGION}:{aws.ACCOUNT}:database/{name}"
    reader = role(cloud, {"Effect": "Allow", "Action": "glue:GetDatabase", "Resource": resource})
    return outcome(lambda: as_role(cloud, reader, "glue").get_database(Name=name))


@probe(on_aws="accepted", published="AccessDeniedException")
def permission_for_one_glue_workflow_is_enough(cloud: aws.Cloud) -> object:
    glue, name = cloud.client("glue"), fresh("workflow")
    glue.create_workflow(Name=name)
    resource = f"arn:aws:glue:{aws.REGION}:{aws.ACCOUNT}:workflow/{name}"
    starter = role(cloud, {"Effect": "Allow", "Action": "glue:StartWorkflowRun", "Resource": resource})
    return outcome(lambda: as_role(cloud, starter, "glue").start_workflow_run(Name=name))


@probe(on_aws=None, published={})
def glue_schedule_has_no_predicate(cloud: aws.Cloud) -> object:
    glue, name = cloud.client("glue"), fresh("trigger")
    glue.create_trigger(Name=name, Type="SCHEDULED", Schedule="cron(1 0 1 * ? *)", Actions=[{"JobName": "x"}])
    return glue.get_trigger(Name=name)["Trigger"].get("Predicate")


@probe(on_aws="FAILED", published="SUCCEEDED")
def glue_job_without_a_script_fails(cloud: aws.Cloud) -> object:
    glue, name = cloud.client("glue"), fresh("job")
    command = {"Name": "glueetl", "ScriptLocation": "s3://nowhere/etl.py"}
    glue.create_job(Name=name, Role=role(cloud), Command=command)
    run = glue.start_job_run(JobName=name)["JobRunId"]

    def state() -> str:
        return str(glue.get_job_run(JobName=name, RunId=run)["JobRun"]["JobRunState"])

    until(lambda: state() in ENDED)
    return state()


@probe(on_aws=2, published=1)
def glue_job_has_the_configured_number_of_retries(cloud: aws.Cloud) -> object:
    glue, name = cloud.client("glue"), fresh("job")
    command = {"Name": "glueetl", "ScriptLocation": "s3://nowhere/etl.py"}
    glue.create_job(Name=name, Role=role(cloud), Command=command, MaxRetries=1)
    glue.start_job_run(JobName=name)
    until(lambda: len(glue.get_job_runs(JobName=name)["JobRuns"]) == 2, 8)
    return len(glue.get_job_runs(JobName=name)["JobRuns"])


@probe(on_aws=[[1], [0]], published=[[0, 1]])
def glue_runs_are_listed_newest_first(cloud: aws.Cloud) -> object:
    glue, name = cloud.client("glue"), fresh("job")
    command = {"Name": "glueetl", "ScriptLocation": "s3://nowhere/etl.py"}
    glue.create_job(Name=name, Role=role(cloud), Command=command, ExecutionProperty={"MaxConcurrentRuns": 2})
    started = [glue.start_job_run(JobName=name)["JobRunId"] for _ in range(2)]
    pages = glue.get_paginator("get_job_runs").paginate(JobName=name, PaginationConfig={"PageSize": 1})
    return [[started.index(run["Id"]) for run in page["JobRuns"]] for page in pages]


@probe(on_aws="STOPPED", published="SUCCEEDED")
def glue_run_can_be_stopped(cloud: aws.Cloud) -> object:
    glue, s3, name = cloud.client("glue"), cloud.client("s3"), fresh("job")
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": aws.REGION})
    s3.put_object(Bucket=name, Key="etl.py", Body=b"import time\ntime.sleep(600)\n")
    everything = {"Effect": "Allow", "Action": ["s3:*", "logs:*"], "Resource": "*"}
    command = {"Name": "glueetl", "ScriptLocation": f"s3://{name}/etl.py"}
    glue.create_job(Name=name, Role=role(cloud, everything), Command=command)
    run = glue.start_job_run(JobName=name)["JobRunId"]

    def state() -> str:
        glue.batch_stop_job_run(JobName=name, JobRunIds=[run])
        return str(glue.get_job_run(JobName=name, RunId=run)["JobRun"]["JobRunState"])

    until(lambda: state() in ENDED, 8)
    return state()


@probe(on_aws="SUCCEEDED", published=None)
def glue_workflow_starts_its_first_crawler(cloud: aws.Cloud) -> object:
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

    def status() -> object:
        return glue.get_crawler(Name=name)["Crawler"].get("LastCrawl", {}).get("Status")

    until(lambda: bool(status()))
    return status()


@probe(on_aws=("CANCELLED", 1), published="the crawler does not connect")
def glue_workflow_continues_after_a_stopped_crawl(cloud: aws.Cloud) -> object:
    glue, secrets_manager, name = cloud.client("glue"), cloud.client("secretsmanager"), fresh("workflow")
    everything = {"Effect": "Allow", "Action": ["glue:*", "secretsmanager:*"], "Resource": "*"}
    secrets_manager.create_secret(Name=name, SecretString='{"username": "x", "password": "x"}')
    # This server accepts connections but never answers.
    with socket.create_server(("127.0.0.1", 0)) as silent:
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
            return "the crawler does not connect"
        glue.stop_crawler(Name=name)
        until(lambda: len(glue.get_job_runs(JobName=name)["JobRuns"]) == 1)
        status = glue.get_crawler(Name=name)["Crawler"]["LastCrawl"]["Status"]
        return status, len(glue.get_job_runs(JobName=name)["JobRuns"])


PROBES = (
    glue_job_keeps_its_concurrency,
    update_resets_omitted_settings_of_a_glue_job,
    glue_crawler_has_a_recrawl_policy,
    glue_connection_can_be_updated,
    permission_for_one_glue_connection_is_enough,
    permission_for_one_glue_database_is_enough,
    permission_for_one_glue_workflow_is_enough,
    glue_schedule_has_no_predicate,
    glue_job_without_a_script_fails,
    glue_job_has_the_configured_number_of_retries,
    glue_runs_are_listed_newest_first,
    glue_run_can_be_stopped,
    glue_workflow_starts_its_first_crawler,
    glue_workflow_continues_after_a_stopped_crawl,
)
