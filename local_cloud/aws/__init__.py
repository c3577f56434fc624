"""The emulated AWS. Each service has a file, and each gap of the emulator has a function that closes it."""

from local_cloud.aws.cloud import ACCOUNT, REGION, Cloud, serve, start_schedule

__all__ = ["ACCOUNT", "REGION", "Cloud", "serve", "start_schedule"]
