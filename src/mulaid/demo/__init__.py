"""A city to try things in: made-up people whose numbers no real person can have, and one family's story."""
