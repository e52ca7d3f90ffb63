"""Checks of a Dockerfile: BuildKit's 22 rules and two of our own, as values; nothing is read."""
