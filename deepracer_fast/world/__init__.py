"""The world: cars on a road, stepped together, and what their sensors show."""
