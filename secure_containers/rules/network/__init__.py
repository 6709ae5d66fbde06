"""What the rules know of networks: a model of them, who runs in them, and what each reaches."""
