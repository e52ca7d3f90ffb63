"""Walks the plan: what runs, what is reused, and what comes out; knows ports, not adapters."""
