"""The door of the institutions: hospital and pharmacy programs talk to it unchanged."""
