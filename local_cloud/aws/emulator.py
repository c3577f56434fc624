"""The emulated AWS: ministack, and our code for features that the modules need and ministack lacks.

`aws.serve` runs this module as a process (`python -m local_cloud.aws.emulator`). For each gap of ministack,
one small function wraps a function of ministack. The docstring of the wrapper gives the reason.
`tests/support/emulator/` has a probe for each gap. The probe fails when a new release of ministack closes the
gap. The behavior of AWS is taken from the documentation of AWS. No test compares the emulator with the real
AWS.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable

# ministack reads its settings on import. `aws.serve` has set them in the environment.
from ministack.services import scheduler as schedules

from local_cloud.aws import (
    cloudwatch,
    ec2,
    ec2_instances,
    events,
    glue,
    glue_runs,
    identity,
    s3,
    scheduler,
    secrets,
    sns,
    states,
    transfer,
    transfer_connectors,
    transfer_sftp,
)
from local_cloud.aws.requests import callers, gate, integrations

GAPS: tuple[Callable[[], None], ...] = (
    transfer.close_transfer_servers,
    transfer.close_transfer_users,
    transfer.close_transfer_tags,
    transfer_sftp.close_sftp_authorization,
    transfer_sftp.close_sftp_events,
    transfer_sftp.close_sftp_root_folders,
    transfer_connectors.close_transfer_connectors,
    glue.close_glue_jobs,
    glue.close_glue_crawlers,
    glue.close_glue_connections,
    glue.close_glue_resources,
    glue.close_glue_triggers,
    glue_runs.close_glue_runs,
    glue_runs.close_glue_run_pages,
    glue_runs.close_glue_workflows,
    identity.close_event_conditions,
    identity.close_resource_names,
    identity.close_web_identity_claims,
    identity.close_named_resources,
    s3.close_upload_keys,
    secrets.close_empty_secrets,
    secrets.close_secret_labels,
    secrets.close_secret_rotations,
    sns.close_sns_email,
    cloudwatch.close_alarm_descriptions,
    events.close_event_target_permissions,
    events.close_event_subjects,
    scheduler.close_universal_targets,
    events.close_schedule_keywords,
    scheduler.close_time_zones,
    states.close_nested_executions,
    states.close_execution_identity,
    states.close_object_bodies,
    ec2.close_vpc_endpoints,
    ec2.close_prefix_lists,
    ec2_instances.close_arm_images,
    ec2_instances.close_instances,
    ec2_instances.close_instance_tags,
    ec2_instances.close_interface_tags,
)


def main() -> None:
    """Serve on the socket that the parent process has bound, until the parent stops this process."""
    from hypercorn.asyncio import serve
    from hypercorn.config import Config
    from ministack.app import app

    # The probes set this variable to "open", in order to test ministack without our functions.
    if os.environ.get("EXTRACTS_EMULATOR_GAPS") != "open":
        for close in GAPS:
            close()
    integrations.guard_state_machines()
    callers.trust_only_issued_keys()
    # ministack looks for due schedules every 10 seconds; one second makes tests faster.
    schedules._SCHEDULE_TICK_INTERVAL = 1
    config = Config()
    config.bind = [f"fd://{os.environ['EXTRACTS_EMULATOR_SOCKET']}"]
    config.certfile, config.keyfile = os.environ["EXTRACTS_EMULATOR_TLS"].split(os.pathsep)
    config.keep_alive_timeout = 75
    # Terraform sends all requests of an apply over one HTTP/2 connection. After 1,000 requests, hypercorn
    # would close this connection and lose the pending responses. Terraform would then repeat these requests
    # and create resources twice.
    config.keep_alive_max_requests = sys.maxsize
    config.loglevel = "WARNING"
    asyncio.run(serve(gate.guard(app), config))


if __name__ == "__main__":
    main()
