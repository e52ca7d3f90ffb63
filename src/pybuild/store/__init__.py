"""Blobs and images on disk: OCI layouts, and tars that other tools load."""
