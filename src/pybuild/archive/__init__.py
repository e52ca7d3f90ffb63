"""The one safe reader and writer of tars and compression: layers, contexts and ADD use it."""
