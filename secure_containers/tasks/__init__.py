"""What tasks have in common, whichever service runs them: AWS Batch or Amazon ECS."""
