"""Stands in for a project's spec."""
