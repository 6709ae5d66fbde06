"""Templates from files, and reports of what the rules found in them. Starts no Node."""
