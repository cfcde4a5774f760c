"""Where builds come from: each source verifies, parses and explains its own posts."""
