"""An invented year of posts with planted answers, and a second opinion on them."""
