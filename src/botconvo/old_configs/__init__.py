"""Configurations of the earlier systems, turned into a config.toml.

One module per system; which one a file is of is told by its content, never by its name.
"""
