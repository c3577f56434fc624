"""`make demo`: an example extract on the local cloud, from an empty account to a downloaded file."""
