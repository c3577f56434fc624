"""Stamp, run and look after monthly extracts: the command-line tool of terraform-aws-extracts."""

__version__ = "0.1.0"
