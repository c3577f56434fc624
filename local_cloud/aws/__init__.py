"""The emulated AWS: one file per service, one function per gap of the emulator that is closed."""

from local_cloud.aws.cloud import ACCOUNT, REGION, Cloud, serve, start_schedule

__all__ = ["ACCOUNT", "REGION", "Cloud", "serve", "start_schedule"]
