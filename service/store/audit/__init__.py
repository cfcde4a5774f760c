"""The audit chain, and the acts of operators."""
