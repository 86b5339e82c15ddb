"""Tests of the configuration, through the door `load(path)` on real files."""
