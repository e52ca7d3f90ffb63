"""CI platforms: their inputs → a request; a result → their outputs and summaries."""
