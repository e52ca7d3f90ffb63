"""Build a Dockerfile into an OCI image without a daemon and without privileges."""
