"""The files that are made from the table of settings: ``python -m pybuild.cli.generate``."""
