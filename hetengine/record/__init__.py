"""One schema of rows and spans for real and simulated runs, and the files made from them."""
