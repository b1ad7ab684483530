"""The process in which a user's Python runs: confined, asked over one line, believed in nothing."""
