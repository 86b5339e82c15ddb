"""Tests of `syncd demo`."""
