"""Events and results → the log, JSON lines, the job summary, the metadata document."""
