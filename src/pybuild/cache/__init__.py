"""The step cache: what a step made when it ran, by key, in registries and in directories."""
