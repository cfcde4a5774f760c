"""The finding of webhooks that never came, and of approvals that wait."""
