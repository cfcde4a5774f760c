"""Deliveries as they came, the dead among them, and refused posts."""
