"""Who: people, their papers, their families."""
