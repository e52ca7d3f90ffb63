"""Every option once, as data; argv, environment and inputs become values, values a request."""
