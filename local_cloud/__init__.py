"""The local cloud: real PostgreSQL, real Terraform, real Spark, a real SFTP client and an emulated AWS.

Each module is a context manager for one part. The part is ready when the manager yields, and removed when it
exits.
"""
