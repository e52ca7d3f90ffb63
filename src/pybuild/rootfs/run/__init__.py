"""The starter: a process of its own that runs RUNs; standard library only, nothing else of ours."""
