"""What a live database says of itself: its catalog, the ways from table to table, and the answers in them."""
