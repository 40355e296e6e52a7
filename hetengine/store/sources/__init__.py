"""What stores are converted from: each source yields rows of X in blocks of bounded size."""
