"""The local cloud: real PostgreSQL, real Terraform, real Spark, a real SFTP client and an emulated AWS.

Each module holds one part as a context manager that is healthy when it yields and gone when it ends.
"""
