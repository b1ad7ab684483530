"""Policies: networks, models in every form in which they are kept, and what compiles them."""
