"""Figures of a month: insights and usage."""
