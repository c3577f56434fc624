"""Check what a run or a deployment needs, and say what to do about each failure."""
