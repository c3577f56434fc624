"""The emulated AWS. Each service has a file with functions that add the features that ministack lacks."""

from local_cloud.aws.cloud import ACCOUNT, REGION, Cloud, serve, start_schedule

__all__ = ["ACCOUNT", "REGION", "Cloud", "serve", "start_schedule"]
