"""A placeholder for the spec of a project."""
