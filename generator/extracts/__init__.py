"""The command-line tool of terraform-aws-extracts: create, preview, check and update extract projects."""

__version__ = "0.1.0"
