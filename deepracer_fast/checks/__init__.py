"""What comes from outside is checked here, value by value, or one clear line is raised."""
