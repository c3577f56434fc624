"""A placeholder for a project's spec."""
