"""The one error that people read."""


class ExtractsError(Exception):
    """A failure whose text is the sentence to show: what is wrong, where, what would be right."""
