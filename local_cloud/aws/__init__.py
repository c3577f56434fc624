"""The emulated AWS. Each service has a file. For each feature that the emulator lacks, a function adds it."""

from local_cloud.aws.cloud import ACCOUNT, REGION, Cloud, serve, start_schedule

__all__ = ["ACCOUNT", "REGION", "Cloud", "serve", "start_schedule"]
