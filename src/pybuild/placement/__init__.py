"""The one place that knows COPY's, ADD's and WORKDIR's rules: which entries go where."""
