"""Time to accuracy of hetengine and of other trainers of linear models, on the same problems."""
