"""The local cloud: real PostgreSQL, real Terraform, real Spark, a real SFTP client and an emulated AWS.

Each module is a context manager for one part. When the manager yields, the part is ready. When the manager
exits, it removes the part.
"""
