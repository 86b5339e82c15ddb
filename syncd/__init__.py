"""Keeps CRMs and VICIdial in step: leads out, calls and dispositions back, crash-safe."""

__version__ = "0.1.0"
