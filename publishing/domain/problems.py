"""How a rule of this room refuses: the house's one way (kit/problems.py)."""

from kit.problems import Problem, Refused, mark

__all__ = ["Problem", "Refused", "mark"]
