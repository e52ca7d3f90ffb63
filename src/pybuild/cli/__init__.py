"""The command line: argv and environment → a request; a result → files, lines, an exit code."""
