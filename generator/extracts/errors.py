"""The error that users see."""


class ExtractsError(Exception):
    """A failure. Its text is the message for the user: what is wrong, where, and what to do."""
