"""``hetengine plan``: simulate placements, rank them by the time they need, run the best."""
