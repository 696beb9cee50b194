"""The conformance kit: whether a server of the national interface, ours or any other, does what hospital programs rely on."""
