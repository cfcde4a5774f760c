"""The sending of one notification: begin, compose, record, retry."""
