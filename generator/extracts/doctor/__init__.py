"""Everything that a run or a deployment needs, looked at one by one; for each failure the one thing to do."""
