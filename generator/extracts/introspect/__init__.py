"""Read the catalog of a database and answer the template's questions from it."""
