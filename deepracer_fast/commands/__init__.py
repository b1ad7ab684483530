"""What ``deepracer-fast`` does, a module a command; ``cli`` is the door."""
