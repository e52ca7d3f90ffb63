"""The OCI image specification's nouns as values; JSON becomes values here and nowhere else."""
