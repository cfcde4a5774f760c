"""Notifications, their attempts, and what each channel was told last."""
