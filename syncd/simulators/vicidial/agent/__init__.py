"""agc/api.php, the Agent API: orders to the screens of agents who are logged in."""

from .script import PATH, answer, changes, parameters, refused

__all__ = ["PATH", "answer", "changes", "parameters", "refused"]
