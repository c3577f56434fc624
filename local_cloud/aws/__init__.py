"""The emulated AWS: one file per service, and one function for each gap of the emulator that we close."""

from local_cloud.aws.cloud import ACCOUNT, REGION, Cloud, serve, start_schedule

__all__ = ["ACCOUNT", "REGION", "Cloud", "serve", "start_schedule"]
