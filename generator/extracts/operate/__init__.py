"""Operate a deployed extract: start runs, list the published periods, send files again."""
