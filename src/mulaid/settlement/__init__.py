"""Money moves: visits and their bill lines, settlements and refunds."""
