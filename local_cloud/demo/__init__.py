"""`make demo`: the first customer's extract on the local cloud, from nothing to a fetched file."""
