"""Pages of the signed-in person, one module a noun."""
