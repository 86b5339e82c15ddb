"""The Agent API: orders to the screens of agents who are logged in."""

from syncd_vicidial.agent.client import AgentApi

__all__ = ["AgentApi"]
