"""Tests of the engine on real stores and far systems in memory."""
