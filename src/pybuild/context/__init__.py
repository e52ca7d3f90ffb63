"""Where a build's files come from, and reading them safely."""
