"""Layers: entries become a tar with a digest, a tar becomes entries and a tree."""
