"""The lanes of channels: their heads, and sends that outlast their job."""
