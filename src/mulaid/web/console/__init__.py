"""The clerk's pages: a door of their own beside the citizens', with its own sessions and its own demands."""
