"""The counter: who works there, the cases they decide, and the papers they decide on."""
