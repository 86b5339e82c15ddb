"""Tests of the VICIdial connector."""
