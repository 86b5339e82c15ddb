"""Prometheus text on a port of this machine: figures that were taken a while ago, so that a scrape asks nobody."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from wsgiref.simple_server import WSGIServer

from prometheus_client import CollectorRegistry, PlatformCollector, ProcessCollector, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from syncd.sdk import errors


@dataclass(frozen=True, slots=True)
class Figure:
    """One metric: its values by label values, in the order of `labels`."""

    name: str
    help: str
    labels: tuple[str, ...] = ()
    values: Mapping[tuple[str, ...], float] = field(default_factory=dict)
    counts: bool = False  # only grows


class Figures(Collector):
    """What is shown now. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._shown: Sequence[Figure] = ()

    def show(self, figures: Iterable[Figure]) -> None:
        """Show these instead."""
        found = tuple(figures)
        with self._lock:
            self._shown = found

    def collect(self) -> Iterator[Metric]:
        """For prometheus_client."""
        with self._lock:
            shown = self._shown
        for one in shown:
            family: Any = (CounterMetricFamily if one.counts else GaugeMetricFamily)(
                one.name, one.help, labels=one.labels
            )
            for labels, value in one.values.items():
                family.add_metric(labels, value)
            yield family


class Server:
    """Serves figures until it is closed. Raises UserError where the port is taken."""

    def __init__(self, listen: str, figures: Figures) -> None:
        host, _, port = listen.rpartition(":")
        registry = CollectorRegistry()
        registry.register(figures)
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)
        try:
            self._server, self._thread = start_http_server(int(port), host.strip("[]"), registry)
        except OSError as error:
            problem = errors.Problem(f"metrics cannot be served: {error.strerror}", listen, "choose another port")
            raise errors.UserError([problem]) from None

    @property
    def port(self) -> int:
        """The port that it listens on."""
        server: WSGIServer = self._server
        return int(server.server_port)

    def close(self) -> None:
        """Stop."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
